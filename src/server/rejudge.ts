import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { tendBreaker } from './breaker-record.ts';
import type { DeviceState } from './device-state.ts';
import type { Fleet } from './fleet.ts';
import {
  isNews,
  judgeDevice,
  planFor,
  recordPlans,
  RECHECK_MS,
  type Judged,
  type Judging,
  type News,
  type Plan,
} from './judge-device.ts';
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
  terms: () => Judging;
  /** Called after the commit of a judgement that is any news. */
  decided: (state: DeviceState, news: News) => void;
};

/** Devices that share one unit of the store: others wait for it for some 30 ms. */
const BATCH = 1_000;

/** Judges every device that is due. One at work on a report is judged by that report. */
export async function judgeDue(parts: JudgingParts): Promise<void> {
  const { fleet, clock, metrics, log } = parts;
  if (!(await canStore(parts))) return;
  const started = performance.now();
  recallWave(parts);
  const due = [...fleet.all()].filter((state) => state.dueAt <= clock.now() && !fleet.isBusy(state.id));
  const waiting = due.length === 0 ? 0 : await judgeMany(parts, due);
  await tendBreaker(parts).catch((error: unknown) => log.warn({ err: error }, 'breaker not stored'));
  if (due.length === 0) return;
  if (waiting > 0) log.warn({ waiting }, 'decisions could not be stored, so none has changed');
  metrics.judged((performance.now() - started) / 1_000);
}

/** Who lost access just before the breaker tripped is held with the others. */
function recallWave({ fleet, terms }: JudgingParts): void {
  for (const id of terms().breaker.takeWave()) {
    const state = fleet.peek(id);
    if (state !== undefined) fleet.put({ ...state, dueAt: 0 });
  }
}

/** Judges these devices; answers with how many could not be stored. The breaker sees them all before any is in force. */
async function judgeMany(parts: JudgingParts, states: readonly DeviceState[]): Promise<number> {
  const plans = await planAll(parts, states);
  const { breaker, fleet, policy } = parts.terms();
  const round = plans.map(({ before, ...rest }) => ({ id: before.id, ...rest }));
  breaker.expect(round, fleet, policy.breaker, parts.clock.now());
  let waiting = 0;
  for (let from = 0; from < plans.length; from += BATCH) {
    const batch = plans.slice(from, from + BATCH);
    if (!(await putInForce(parts, batch))) waiting += batch.length;
  }
  return waiting;
}

/** Pure work, with a breath for everybody else now and then. */
async function planAll(parts: JudgingParts, states: readonly DeviceState[]): Promise<Plan[]> {
  const plans: Plan[] = [];
  const terms = parts.terms();
  for (const [index, state] of states.entries()) {
    if (index % BATCH === BATCH - 1) await new Promise((resolve) => setImmediate(resolve));
    try {
      plans.push(planFor(state, terms, parts.clock.now()));
    } catch (error) {
      failed(parts, state.id, error);
    }
  }
  return plans;
}

/** Records a batch in one unit; false when that could not be stored, and nothing changed. */
async function putInForce(parts: JudgingParts, batch: readonly Plan[]): Promise<boolean> {
  const { fleet, store, clock, terms } = parts;
  const ids = batch.map(({ before }) => before.id);
  return fleet.exclusivelyAll(ids, async () => {
    try {
      const plans = await current(parts, batch);
      const now = clock.now();
      const judged = await store.write((db) => recordPlans(db, plans, terms(), now));
      for (const one of judged) take(parts, one);
      return true;
    } catch (error) {
      if (error instanceof StoreUnavailable) return false;
      for (const id of ids) failed(parts, id, error);
      return true;
    }
  });
}

/** A device that has reported since it was planned is planned anew; one that is gone is left out. */
async function current(parts: JudgingParts, batch: readonly Plan[]): Promise<Plan[]> {
  const { fleet, terms, clock } = parts;
  const plans: Plan[] = [];
  for (const plan of batch) {
    const state = await fleet.get(plan.before.id);
    if (state === null) continue;
    plans.push(state === plan.before ? plan : planFor(state, terms(), clock.now()));
  }
  return plans;
}

function take({ fleet, decided }: JudgingParts, { state, news }: Judged): void {
  fleet.put(state);
  if (isNews(news)) decided(state, news);
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
      failed(parts, device, error);
      return true;
    }
  });
}

async function judgeNow(parts: JudgingParts, device: string): Promise<void> {
  const { fleet, store, clock, terms } = parts;
  const state = await fleet.get(device);
  if (state === null) return;
  const now = clock.now();
  take(parts, await store.write((db) => judgeDevice(db, state, terms(), now)));
}

/** What fails by a mistake of ours fails again at once; the others must not wait for it. */
function failed({ fleet, clock, log }: JudgingParts, device: string, error: unknown): void {
  log.error({ err: error, device }, 'device could not be judged');
  const state = fleet.peek(device);
  if (state !== undefined) fleet.put({ ...state, dueAt: clock.now() + RECHECK_MS });
}
