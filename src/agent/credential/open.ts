import type { Platform } from '../../../collectors/check.ts';
import { sendSignal } from '../certificate/open.ts';
import { noFailpoints } from '../../base/failpoint.ts';
import type { DriverParts } from '../vpn/open-vpn.ts';
import type { CredentialProfiles } from './keeper.ts';

/** Null where passwords are the system's own matter (Windows, macOS): there a credential cannot be put in its place. */
export async function openCredentialProfiles(
  platform: Platform,
  { host, clock, log }: DriverParts,
): Promise<CredentialProfiles | null> {
  if (platform !== 'linux') return null;
  const { linuxCredentialProfiles } = await import('./linux.ts');
  return linuxCredentialProfiles({ host, clock, log, failpoints: noFailpoints, signal: sendSignal });
}
