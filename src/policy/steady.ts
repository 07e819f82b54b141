import type { Verdict } from '../wire/decision.ts';
import { isUnknown, type Courses } from './course.ts';
import { rowOf, type Policy } from './policy.ts';

/**
 * The verdicts without those that are worse only since a moment ago and may be a flap, and when (milliseconds) the
 * first of these has held for long enough; Infinity where there are none. A failed check with a floor is believed
 * at once.
 */
export function settledVerdicts(
  verdicts: readonly Verdict[],
  courses: Courses,
  policy: Policy,
  now: number,
): { settled: readonly Verdict[]; settlesAt: number } {
  const steadyMs = policy.fairness.steadySeconds * 1_000;
  let settlesAt = Infinity;
  const settled = verdicts.filter((verdict) => {
    const at = (courses[verdict.check]?.levelSince ?? -Infinity) + steadyMs;
    if (now >= at || !mayFlap(verdict, policy)) return true;
    settlesAt = Math.min(settlesAt, at);
    return false;
  });
  return settlesAt === Infinity ? { settled: verdicts, settlesAt } : { settled, settlesAt };
}

function mayFlap(verdict: Verdict, policy: Policy): boolean {
  if (verdict.level === 'fail' && rowOf(policy, verdict.check).floor !== 'low') return false;
  return verdict.points > 0 && !isUnknown(verdict);
}
