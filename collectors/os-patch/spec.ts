import { z } from 'zod';
import { defineCheck } from '../check.ts';

const count = z.number().int().nonnegative().nullable();
const time = z.iso.datetime().nullable();

/** Source: the system's own package manager or update service, without using the network. */
const osPatchFact = () =>
  z.object({
    manager: z.enum(['wua', 'softwareupdate', 'apt', 'dnf', 'zypper', 'pacman', 'rpm-ostree', 'none']),
    lastInstalledAt: time,
    lastCheckedAt: time,
    /** How old the knowledge behind `pending` is (apt: `Date` of the security InRelease). */
    metadataAt: time,
    /** Counted, or null when the count cannot be trusted: an empty package list is not zero. */
    pending: count,
    pendingSecurity: count,
    /** An offered major release counts here only. */
    pendingMajor: count,
    /** At most 50 names. */
    pendingNames: z.array(z.string()).max(50).nullable(),
    rebootRequired: z.boolean().nullable(),
    rebootReason: z.string().nullable(),
    /** Automatic installation of security updates. */
    automatic: z.enum(['on', 'download-only', 'off']).nullable(),
  });

export type OsPatch = z.infer<ReturnType<typeof osPatchFact>>;

export const osPatch = defineCheck({
  id: 'os-patch',
  version: 1,
  timeoutMs: 60_000,
  collects: 'How many updates wait, how many of them close security holes, and whether a restart is due.',
  fact: osPatchFact,
  reasons: ['patch-security-pending', 'patch-stale', 'patch-reboot', 'patch-behind'],
});
