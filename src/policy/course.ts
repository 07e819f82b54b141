import { isCheckId } from '../../collectors/specs.ts';
import type { JudgedId, Verdict } from '../wire/decision.ts';
import { rowOf, type Policy, type Rulebook } from './policy.ts';

const HOUR_MS = 3_600_000;

/** How a check that is not well, or was not lately, has fared. Times are milliseconds. */
export type Course = {
  /** What it was when last known, and since when without a break. */
  level: 'pass' | 'warn' | 'fail';
  levelSince: number;
  /** When it first was not well. */
  since: number;
  /** When it first failed, from which its grace counts: passing for a while does not move it. Null: it only warned. */
  failedAt: number | null;
  /** Whether it has no grace left, because it was unknown for longer than its own row allows. */
  spent: boolean;
};

/** Since when what no reading dates has been unknown (milliseconds): an expression may miss a part of a known fact. */
export type UnknownFrom = { readonly [Id in JudgedId]?: number };

export type Courses = { readonly [Id in JudgedId]?: Course };

/**
 * What has become of each check, by verdicts that know of no grace. A course ends once its check has passed for the
 * policy's `settledHours`; a check that is unknown within its own hours teaches nothing. Answers with `courses`
 * itself where nothing has changed.
 */
export function follow(
  courses: Courses,
  verdicts: readonly Verdict[],
  policy: Pick<Policy, 'fairness' | 'checks' | 'expressions'>,
  now: number,
): Courses {
  const settledMs = policy.fairness.settledHours * HOUR_MS;
  let next: Record<string, Course | undefined> | null = null;
  for (const verdict of verdicts) {
    const before = courses[verdict.check];
    const after = step(before, verdict, settledMs, now);
    if (after !== before) (next ??= { ...courses })[verdict.check] = after;
  }
  for (const id of Object.keys(courses) as JudgedId[]) {
    // A check that is judged no more starts afresh if ever it is again.
    if (isOff(policy, id)) (next ??= { ...courses })[id] = undefined;
  }
  return next === null ? courses : withoutEmpty(next);
}

function step(before: Course | undefined, verdict: Verdict, settledMs: number, now: number) {
  const { level } = verdict;
  if (level === 'unknown') return before;
  return level === 'pass' ? passed(before, settledMs, now) : ill(before, verdict, level, now);
}

function passed(before: Course | undefined, settledMs: number, now: number): Course | undefined {
  if (before === undefined) return undefined;
  if (before.level !== 'pass') return { ...before, level: 'pass', levelSince: now };
  return now - before.levelSince >= settledMs ? undefined : before;
}

function ill(before: Course | undefined, verdict: Verdict, level: 'warn' | 'fail', now: number): Course {
  const { since = now, failedAt: failedBefore = null, spent: spentBefore = false } = before ?? {};
  const failedAt = failedBefore ?? (level === 'fail' ? now : null);
  const spent = spentBefore || isUnknown(verdict);
  const isSame = before?.level === level && failedBefore === failedAt && spentBefore === spent;
  return isSame ? before : { level, levelSince: now, since, failedAt, spent };
}

/** When each of these verdicts that is unknown now first was; the very `before` where nothing has changed. */
export function unknownFrom(before: UnknownFrom, verdicts: readonly Verdict[], now: number): UnknownFrom {
  const open = verdicts.filter(isUnknown).map(({ check }) => [check, before[check] ?? now] as const);
  const isSame = open.length === Object.keys(before).length && open.every(([id]) => before[id] !== undefined);
  return isSame ? before : (Object.fromEntries(open) as UnknownFrom);
}

/** Whether a verdict is what the policy makes of an unknown; it is judged by that row and nothing else. */
export function isUnknown({ check, reason }: Verdict): boolean {
  return reason === (isCheckId(check) ? `${check}-unknown` : 'expression-unknown');
}

/** Milliseconds for which a check that is not well counts for less. */
export function graceMs(check: JudgedId, policy: Rulebook): number {
  return rowOf(policy, check).grace.hours * HOUR_MS;
}

function isOff(policy: Pick<Policy, 'checks' | 'expressions'>, id: JudgedId): boolean {
  const { weight, required } = rowOf(policy, id);
  return weight === 0 && !required;
}

function withoutEmpty(courses: Record<string, Course | undefined>): Courses {
  return Object.fromEntries(Object.entries(courses).filter(([, course]) => course !== undefined)) as Courses;
}
