import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { breakerSentence, parseBreaker, type Breaker, type BreakerState } from './breaker.ts';
import type { Fleet } from './fleet.ts';
import { audit } from './store/audit.ts';
import { getMeta, setMeta } from './store/meta.ts';
import type { Db, Store } from './store/store.ts';

const KEY = 'breaker';

export async function storedBreaker(db: Db): Promise<BreakerState> {
  return parseBreaker(await getMeta(db, KEY));
}

export function putBreaker(db: Db, state: BreakerState): Promise<void> {
  return setMeta(db, KEY, JSON.stringify(state));
}

/** Those that would lose access, and do not because it holds them. */
export function heldIn(fleet: Fleet): string[] {
  return [...fleet.all()].flatMap(({ id, decision }) => (decision?.decision.held === 'breaker' ? [id] : []));
}

type Parts = {
  fleet: Fleet;
  store: Store;
  clock: Clock;
  log: Logger;
  terms: () => { breaker: Breaker };
};

/** Puts on disk and in the log what the breaker has come to by itself. One that holds nobody any more is at rest. */
export async function tendBreaker({ fleet, store, clock, log, terms }: Parts): Promise<void> {
  const { breaker } = terms();
  const { trippedAt } = breaker.state();
  if (trippedAt === null && breaker.unsaved() === null) return;
  const held = heldIn(fleet).length;
  if (trippedAt !== null && held === 0 && breaker.unsaved() === null) breaker.reset();
  const state = breaker.unsaved();
  if (state === null) return;
  const now = clock.now();
  const action = state.trippedAt === null ? 'breaker reset' : 'alarm breaker';
  const sentence = breakerSentence(state, held, now);
  await store.write(async (db) => {
    await putBreaker(db, state);
    await audit(db, now, { actor: 'server', action, subject: 'fleet', detail: { held, sentence } });
  });
  breaker.saved(state);
  log[state.trippedAt === null ? 'info' : 'error']({ held }, sentence);
}
