import { decide, sameDecision, type Terms } from './decide.ts';
import { evidenceOf, type DeviceState } from './device-state.ts';
import { insertDecision } from './store/decisions.ts';
import type { Db } from './store/store.ts';
import { wantAccess } from './wanted.ts';

/** Facts age by the hour, so once a minute is soon enough for whatever is not silence. */
export const RECHECK_MS = 60_000;

export type Judged = { state: DeviceState; changed: boolean };

/** Judges a device inside a unit of the store, which records the decision if it is another one than before. */
export async function judgeDevice(db: Db, state: DeviceState, terms: Terms, now: number): Promise<Judged> {
  const before = state.decision;
  const { decision, verdicts, silenceAt } = decide(evidenceOf(state), terms, now, before?.decision ?? null);
  const dueAt = Math.min(silenceAt, now + RECHECK_MS);
  if (before !== null && sameDecision(before.decision, decision)) {
    return { state: { ...state, decision: { id: before.id, decision }, verdicts, dueAt }, changed: false };
  }
  const recorded = await insertDecision(db, state.id, decision, now);
  await wantAccess(db, state.id, decision, now);
  return { state: { ...state, decision: recorded, verdicts, dueAt }, changed: true };
}
