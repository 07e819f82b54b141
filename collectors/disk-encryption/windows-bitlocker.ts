import { z } from 'zod';
import { flag, integer, listOf, numbered, text } from '../windows-values.ts';

/** Kinds of key protector by their number in Win32_EncryptableVolume, and what we call them. */
export const PROTECTORS: Readonly<Record<number, string>> = {
  0: 'other',
  1: 'tpm',
  2: 'key-file',
  3: 'recovery',
  4: 'tpm-pin',
  5: 'tpm-key-file',
  6: 'tpm-pin-key-file',
  7: 'certificate',
  8: 'password',
  9: 'tpm-network',
  10: 'account',
};

export const METHODS: Readonly<Record<number, string>> = {
  1: 'aes-cbc-128-diffuser',
  2: 'aes-cbc-256-diffuser',
  3: 'aes-cbc-128',
  4: 'aes-cbc-256',
  5: 'hardware',
  6: 'xts-aes-128',
  7: 'xts-aes-256',
};

export const ON = 1;
export const LOCKED = 2;
export const FULLY_ENCRYPTED = 1;
export const NO_METHOD = 0;

/** Names are those of Get-BitLockerVolume, whose enums have the same numbers. */
export const encryptableVolume = z.object({
  DeviceID: text,
  DriveLetter: text,
  VolumeType: numbered({ OperatingSystem: 0, Data: 1, FixedData: 1, Removable: 2 }),
  ProtectionStatus: numbered({ Off: 0, On: ON, Unknown: LOCKED }),
  ConversionStatus: numbered({
    FullyDecrypted: 0,
    FullyEncrypted: FULLY_ENCRYPTED,
    EncryptionInProgress: 2,
    DecryptionInProgress: 3,
    EncryptionPaused: 4,
    DecryptionPaused: 5,
  }),
  EncryptionMethod: numbered({
    None: NO_METHOD,
    Aes128Diffuser: 1,
    Aes256Diffuser: 2,
    Aes128: 3,
    Aes256: 4,
    Hardware: 5,
    XtsAes128: 6,
    XtsAes256: 7,
  }),
  LockStatus: numbered({ Unlocked: 0, Locked: 1 }),
  EncryptionPercentage: integer,
  KeyProtectorTypes: listOf(
    numbered({
      Unknown: 0,
      Tpm: 1,
      ExternalKey: 2,
      // The kind's name in Get-BitLockerVolume; the password itself is never asked for.
      RecoveryPassword: 3,
      TpmPin: 4,
      TpmStartupKey: 5,
      TpmPinStartupKey: 6,
      PublicKey: 7,
      Password: 8,
      TpmNetworkKey: 9,
      AdAccountOrGroup: 10,
    }),
  ),
});

export const mountedVolume = z.object({
  DeviceID: text,
  DriveLetter: text,
  /** Holds Windows; `SystemVolume` is the one that the firmware starts from. Microsoft's words are this way round. */
  BootVolume: flag,
  SystemVolume: flag,
  DriveType: numbered({ Removable: 2, Fixed: 3 }),
  /** The mount folder, or the DeviceID again for a volume that is mounted nowhere. */
  Name: text,
});

export type EncryptableVolume = z.output<typeof encryptableVolume>;
export type MountedVolume = z.output<typeof mountedVolume>;
