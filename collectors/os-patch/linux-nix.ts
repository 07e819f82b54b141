import { known, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { pendingFields, rebootFields, type Reboot } from './linux-fact.ts';
import type { OsPatch } from './spec.ts';

/** NixOS builds the whole system anew: nothing is ever pending, but the running one may be older. Null elsewhere. */
export async function readNix(host: Host): Promise<Observed<OsPatch> | null> {
  const current = await host.readLink('/run/current-system');
  if (!current.ok) return null;
  return known({
    manager: 'none',
    lastInstalledAt: null,
    lastCheckedAt: null,
    metadataAt: null,
    ...pendingFields(null),
    pendingMajor: null,
    ...rebootFields(await readReboot(host)),
    automatic: null,
  });
}

const PARTS = ['kernel', 'initrd', 'kernel-modules'];

/** Whether the system that was switched to starts another kernel than the one that was booted. */
async function readReboot(host: Host): Promise<Reboot | null> {
  for (const part of PARTS) {
    const booted = await host.readLink(`/run/booted-system/${part}`);
    const current = await host.readLink(`/run/current-system/${part}`);
    if (!booted.ok || !current.ok) return null;
    if (booted.value !== current.value)
      return { required: true, reason: `another ${part} is current than was booted` };
  }
  return { required: false, reason: null };
}
