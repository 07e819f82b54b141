import { z } from 'zod';
import { defineCheck } from '../check.ts';

const volumeFact = () =>
  z.object({
    id: z.string(),
    mount: z.string().nullable(),
    role: z.enum(['system', 'data', 'swap', 'removable', 'boot', 'other']),
    encrypted: z.enum(['yes', 'no', 'partial']),
    protection: z.enum(['on', 'suspended', 'off', 'locked']),
    /** xts-aes-256, luks2-aes-xts-plain64-512, filevault, zfs-aes-256-gcm, opal, … */
    method: z.string().nullable(),
    converting: z.enum(['encrypting', 'decrypting', 'paused']).nullable(),
    /** 0 to 100 while converting. */
    percent: z.number().min(0).max(100).nullable(),
    /** Kinds only (tpm, tpm-pin, password, recovery, key-file, …), never values; null where this system cannot say. */
    keyProtectors: z.array(z.string()).nullable(),
  });

/** Source: Win32_EncryptableVolume, `fdesetup` and APFS roles, sysfs and `cryptsetup luksDump`. */
const diskEncryptionFact = () =>
  z.object({
    /** Over the volumes that hold the system and user data. `unprotected`: encrypted, but the key lies in the clear. */
    system: z.enum(['encrypted', 'unprotected', 'converting', 'plain', 'mixed']),
    volumes: z.array(volumeFact()).max(200),
  });

export type DiskEncryption = z.infer<ReturnType<typeof diskEncryptionFact>>;

export const diskEncryption = defineCheck({
  id: 'disk-encryption',
  version: 1,
  timeoutMs: 10_000,
  collects:
    'Whether the disks that hold the system and your files are encrypted, so that a lost laptop is only a lost laptop.',
  fact: diskEncryptionFact,
  reasons: ['disk-plain', 'disk-unprotected', 'disk-converting', 'disk-mixed'],
});
