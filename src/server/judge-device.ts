import type { Policy } from '../policy/policy.ts';
import type { Decision } from '../wire/decision.ts';
import type { Breaker } from './breaker.ts';
import { decide, heldByBreaker, sameDecision, type Decided, type Terms } from './decide.ts';
import { evidenceOf, type DeviceState } from './device-state.ts';
import { personalKey } from './standing.ts';
import { insertDecisions, type Recorded } from './store/decisions.ts';
import { putMemories } from './store/memories.ts';
import type { Db } from './store/store.ts';
import { wantAccess } from './wanted.ts';

/** Facts age by the hour, so once a minute is soon enough for whatever is not known beforehand. */
export const RECHECK_MS = 60_000;

/** What a judgement is news of. */
export type News = {
  /** Another decision than before. */
  decision: boolean;
  /** The user is to be reminded of a deadline. */
  reminder: boolean;
  /** The device needs its compiled policy anew. */
  policy: boolean;
};

export const NO_NEWS: News = { decision: false, reminder: false, policy: false };

export function isNews({ decision, reminder, policy }: News): boolean {
  return decision || reminder || policy;
}

export type Judged = { state: DeviceState; news: News };

/** What a device is judged by, besides its own state. `fleet` is the number of all devices. */
export type Judging = Terms & { breaker: Breaker; fleet: number };

/** What was made of a device, before any of it is on record. */
export type Plan = { before: DeviceState; decided: Decided; previous: Decision | null };

/** Pure. */
export function planFor(state: DeviceState, terms: Terms, now: number): Plan {
  const previous = state.decision?.decision ?? null;
  return { before: state, decided: decide(evidenceOf(state), terms, now, previous), previous };
}

/** Judges a device inside a unit of the store, which records what has changed. */
export async function judgeDevice(
  db: Db,
  state: DeviceState,
  judging: Judging,
  now: number,
): Promise<Judged> {
  const [judged] = await recordPlans(db, [planFor(state, judging, now)], judging, now);
  if (judged === undefined) throw new Error('a device was not judged');
  return judged;
}

/** Puts plans on record inside a unit of the store, after the breaker's word. Answers in the order given. */
export async function recordPlans(
  db: Db,
  plans: readonly Plan[],
  judging: Judging,
  now: number,
): Promise<Judged[]> {
  const settled = plans.map((plan) => settle(plan, judging, now));
  await recordMemories(db, settled);
  const changed = settled.filter(({ news }) => news.decision);
  const recorded = await insertDecisions(
    db,
    changed.map(({ state, decision }) => ({ device: state.id, decision })),
    now,
  );
  const byDevice = new Map<string, Recorded>();
  for (const [index, one] of changed.entries()) {
    const record = recorded[index];
    if (record !== undefined) byDevice.set(one.state.id, record);
    await wantAccess(db, one.state.id, one.previous, one.decision, now);
  }
  return settled.map(({ state, decision, news }) => ({
    state: { ...state, decision: byDevice.get(state.id) ?? { id: state.decision?.id ?? '', decision } },
    news,
  }));
}

type Settled = {
  /** Still with the decision before. */
  state: DeviceState;
  decision: Decision;
  previous: Decision | null;
  news: News;
  remembers: boolean;
};

/** The breaker's word, and what follows from a plan; pure but for the breaker's counting. */
export function settle({ before, decided, previous }: Plan, judging: Judging, now: number): Settled {
  const held = judging.breaker.holds(
    { id: before.id, decided, previous },
    judging.fleet,
    judging.policy.breaker,
    now,
  );
  const decision = held ? heldByBreaker(decided.decision, now, previous) : decided.decision;
  const { policy } = judging;
  const key = personalKey(before, { policy, decision, memory: decided.memory }, now);
  const isNewKey = key !== keyTold(before, policy, previous, now);
  const last = before.compiled.revision;
  const compiled = { key, revision: isNewKey ? nextRevision(last, now) : last };
  const { memory, verdicts, nextAt, remind } = decided;
  const dueAt = Math.min(nextAt, now + RECHECK_MS);
  return {
    state: { ...before, memory, compiled, verdicts, dueAt },
    decision,
    previous,
    news: { decision: !sameDecision(previous, decision), reminder: remind, policy: isNewKey },
    remembers: key !== before.compiled.key || memory !== before.memory,
  };
}

/** What the device's compiled policy was made from when it last got one; one never judged got it on connecting. */
function keyTold(before: DeviceState, policy: Policy, previous: Decision | null, now: number): string {
  if (before.compiled.key !== '') return before.compiled.key;
  return personalKey(before, { policy, decision: previous, memory: before.memory }, now);
}

/** Rises with time, so that a restored backup still rises. */
function nextRevision(last: number, now: number): number {
  return Math.max(last + 1, Math.floor(now / 1_000));
}

async function recordMemories(db: Db, settled: readonly Settled[]): Promise<void> {
  const rows = settled
    .filter(({ remembers }) => remembers)
    .map(({ state: { id, memory, compiled } }) => ({
      device: id,
      memory: JSON.stringify(memory),
      compiled: compiled.key,
      compiled_revision: compiled.revision,
    }));
  await putMemories(db, rows);
}
