import type { JudgedId, Level, Verdict } from '../wire/decision.ts';
import { rowOf, type Rulebook } from './policy.ts';
import { graceMs, isUnknown, type Course } from './course.ts';
import { isoOrNull, sentenceFor } from './words.ts';

/** When checks that are not well began to be so; milliseconds. */
export type Begun = { readonly [Id in JudgedId]?: Pick<Course, 'since' | 'failedAt' | 'spent'> };

/**
 * Says of each verdict since when and until when. A fail whose grace is not over becomes a warning. What the policy
 * makes of an unknown has no other grace than its own row.
 */
export function withGrace(
  verdicts: readonly Verdict[],
  begun: Begun,
  policy: Rulebook,
  now: number,
): Verdict[] {
  return verdicts.map((verdict) =>
    isTimeless(verdict) ? verdict : timed(verdict, begun[verdict.check], policy, now),
  );
}

function isTimeless(verdict: Verdict): boolean {
  return verdict.level === 'pass' || isUnknown(verdict);
}

function timed(verdict: Verdict, begun: Begun[JudgedId], policy: Rulebook, now: number): Verdict {
  const { check, level, reason, expected, given } = verdict;
  const isFail = level === 'fail';
  const from = beginningOf(isFail, begun) ?? now;
  const grace = begun?.spent === true ? 0 : graceMs(check, policy);
  const until = grace === 0 ? null : from + grace;
  const over = until === null || now >= until;
  // One that nobody has followed yet has its whole grace before it, and no time that could be named.
  const since = begun === undefined ? null : from;
  const span = since === null ? null : { since, until, over };
  return {
    ...verdict,
    level: isFail && !over ? 'warn' : level,
    points: over ? verdict.points : gracedPoints(check, begun, policy, now),
    sentence: sentenceFor(reason, expected, given, span),
    since: isoOrNull(since),
    until: isoOrNull(until),
  };
}

function beginningOf(isFail: boolean, begun: Begun[JudgedId]): number | null {
  return (isFail ? begun?.failedAt : begun?.since) ?? null;
}

/**
 * A notice adds nothing, for as long as the check has not been ill for longer than a grace: one that first warned and
 * fails later is no better off than while it warned.
 */
function gracedPoints(check: JudgedId, begun: Begun[JudgedId], policy: Rulebook, now: number): number {
  const isNew = now < (begun?.since ?? now) + graceMs(check, policy);
  const { weight, grace } = rowOf(policy, check);
  return grace.as === 'notice' && isNew ? 0 : pointsFor('warn', weight);
}

/** The moment (milliseconds) until which a verdict counts for less; null where it counts as it is. */
export function gracedUntil(verdict: Verdict, now: number): number | null {
  if (verdict.until === null || isTimeless(verdict)) return null;
  const until = Date.parse(verdict.until);
  return now < until ? until : null;
}

/** A fail counts whole, a warn half (rounded up), pass and unknown nothing. */
export function pointsFor(level: Level, weight: number): number {
  if (level === 'fail') return weight;
  return level === 'warn' ? Math.ceil(weight / 2) : 0;
}
