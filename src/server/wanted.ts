import type { Decision } from '../wire/decision.ts';
import { putWanted, wantedOf } from './store/orders.ts';
import type { Db } from './store/store.ts';

export const VPN = 'x-posture:vpn';

/**
 * Notes what a decision wants of the device's VPN. Silence wants nothing: nobody is there to obey, and whoever comes
 * back is judged by its first report. `previous` is the decision before it.
 */
export async function wantAccess(
  db: Db,
  device: string,
  previous: Decision | null,
  decision: Decision,
  now: number,
): Promise<void> {
  const want = wantOf(decision);
  // What the one before wanted is noted already.
  if (want === null || (previous !== null && wantOf(previous) === want)) return;
  const before = (await wantedOf(db, device)).find((row) => row.target === VPN);
  // Nothing was ever forbidden, so there is nothing to allow.
  if (before === undefined && want === 'allowed') return;
  if (before?.want === want) return;
  await putWanted(db, { device, target: VPN, want, since: now, cause: decision.sentence.slice(0, 500) });
}

function wantOf({ access, reason }: Decision): 'denied' | 'allowed' | null {
  if (reason === 'agent-silent') return null;
  return access === 'deny' ? 'denied' : 'allowed';
}
