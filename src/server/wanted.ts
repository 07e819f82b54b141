import type { Decision } from '../wire/decision.ts';
import { putWanted, wantedOf } from './store/orders.ts';
import type { Db } from './store/store.ts';

export const VPN = 'x-posture:vpn';

/**
 * Notes what a decision wants of the device's VPN. Silence wants nothing: nobody is there to obey, and whoever comes
 * back is judged by its first report.
 */
export async function wantAccess(db: Db, device: string, decision: Decision, now: number): Promise<void> {
  if (decision.reason === 'agent-silent') return;
  const want = decision.access === 'deny' ? 'denied' : 'allowed';
  const before = (await wantedOf(db, device)).find((row) => row.target === VPN);
  // Nothing was ever forbidden, so there is nothing to allow.
  if (before === undefined && want === 'allowed') return;
  if (before?.want === want) return;
  await putWanted(db, { device, target: VPN, want, since: now, cause: decision.sentence.slice(0, 500) });
}
