import { z } from 'zod';
import { defineCheck } from '../check.ts';

const yesNo = z.boolean().nullable();

/** Source: EFI variables, sysfs, `csrutil`, `mdmclient`, Confirm-SecureBootUEFI and Win32_Tpm. */
const secureBootFact = () =>
  z.object({
    secureBoot: z.enum(['on', 'off', 'unsupported']).nullable(),
    /** The vendor's word in lower case (full, medium, setup, …). */
    level: z.string().nullable(),
    tpm: z.enum(['2.0', '1.2', 'none']).nullable(),
    secureEnclave: yesNo,
    sip: yesNo,
    gatekeeper: yesNo,
    kernelLockdown: z.string().nullable(),
  });

export const secureBoot = defineCheck({
  id: 'secure-boot',
  version: 1,
  timeoutMs: 10_000,
  collects: 'Whether the computer starts only software that its maker or your company signed.',
  fact: secureBootFact,
  reasons: ['secure-boot-off', 'sip-off'],
});
