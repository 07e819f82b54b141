import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Terms } from './decide.ts';
import type { DeviceState } from './device-state.ts';
import type { Fleet } from './fleet.ts';
import { judgeDevice, RECHECK_MS } from './judge-device.ts';
import type { Listening } from './listening.ts';
import type { Metrics } from './metrics.ts';
import { noteHealth } from './store/meta.ts';
import { StoreUnavailable, type Store } from './store/store.ts';

export type JudgingParts = {
  fleet: Fleet;
  store: Store;
  clock: Clock;
  log: Logger;
  metrics: Metrics;
  listening: Listening;
  terms: () => Terms;
  /** Called after the commit of a decision that differs from the one before. */
  decided: (state: DeviceState) => void;
};

/** Judges every device that is due. One at work on a report is judged by that report. */
export async function judgeDue(parts: JudgingParts): Promise<void> {
  const { fleet, clock, metrics, log } = parts;
  if (!(await canStore(parts))) return;
  const started = performance.now();
  const due = [...fleet.all()].filter((state) => state.dueAt <= clock.now() && !fleet.isBusy(state.id));
  if (due.length === 0) return;
  const judged = await Promise.all(due.map((state) => judgeAgain(parts, state.id)));
  const waiting = judged.filter((done) => !done).length;
  if (waiting > 0) log.warn({ waiting }, 'decisions could not be stored, so none has changed');
  metrics.judged((performance.now() - started) / 1_000);
}

/**
 * After a failed commit, whether commits work again: found out by one that decides nothing, so that the silence of
 * the outage is not held against anybody.
 */
async function canStore({ listening, store, clock }: JudgingParts): Promise<boolean> {
  if (!listening.isInterrupted()) return true;
  return store
    .write((db) => noteHealth(db, clock.now()))
    .then(
      () => true,
      () => false,
    );
}

/** Judges one device anew and puts the outcome in force; false when it could not be stored, and nothing changed. */
export function judgeAgain(parts: JudgingParts, device: string): Promise<boolean> {
  return parts.fleet.exclusively(device, async () => {
    try {
      await judgeNow(parts, device);
      return true;
    } catch (error) {
      if (error instanceof StoreUnavailable) return false;
      parts.log.error({ err: error, device }, 'device could not be judged');
      postpone(parts, device);
      return true;
    }
  });
}

async function judgeNow(
  { fleet, store, clock, terms, decided }: JudgingParts,
  device: string,
): Promise<void> {
  const state = await fleet.get(device);
  if (state === null) return;
  const now = clock.now();
  const { state: next, changed } = await store.write((db) => judgeDevice(db, state, terms(), now));
  fleet.put(next);
  if (changed) decided(next);
}

/** What fails by a mistake of ours fails again at once; the others must not wait for it. */
function postpone({ fleet, clock }: JudgingParts, device: string): void {
  for (const state of fleet.all()) {
    if (state.id === device) fleet.put({ ...state, dueAt: clock.now() + RECHECK_MS });
  }
}
