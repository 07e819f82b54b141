import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { hasNewLogins, settleLogins } from './store/logins.ts';
import type { Store } from './store/store.ts';

const EVERY_MS = 1_000;

/** Logins that one unit moves: others wait for it, half a millisecond or so. */
const SLICE = 256;

/** Takes logins that were answered to their place, until `signal` aborts. What is left, the next start takes. */
export async function runSettling(
  parts: { store: Store; clock: Clock; log: Logger },
  signal: AbortSignal,
): Promise<void> {
  const { store, clock, log } = parts;
  while (!signal.aborted) {
    await settleAll(store, signal).catch((error: unknown) => log.warn({ err: error }, 'logins not settled'));
    await clock.sleep(EVERY_MS, signal).catch(() => {});
  }
}

/** No unit is begun when there is nothing to move. */
async function settleAll(store: Store, signal: AbortSignal): Promise<void> {
  if (!(await store.read(hasNewLogins))) return;
  let moved = SLICE;
  while (moved === SLICE && !signal.aborted) moved = await store.note((db) => settleLogins(db, SLICE));
}
