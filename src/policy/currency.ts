import { z } from 'zod';
import type { Fact } from '../../collectors/specs.ts';
import { lagOf } from './behind.ts';
import { cannotTell, count, fail, type Context } from './rule.ts';

/** Settings of the checks that compare with a baseline. */
export const currency = {
  /** Days since the first release that the device should have; null does not ask. */
  maxDaysBehind: z.number().int().min(0).max(3_650).nullable().default(null),
  /** Days after which the baseline can tell nothing any more. */
  baselineMaxAgeDays: z.number().int().min(1).max(3_650).default(45),
};

export type Currency = { maxDaysBehind: number | null; baselineMaxAgeDays: number };

/** What being behind means; null where it is not asked, or the device is not too far behind. */
export function behindFinding<R extends string>(
  fact: Fact<'os-version'> | null,
  { maxDaysBehind, baselineMaxAgeDays }: Currency,
  now: number,
  { baseline }: Context,
  reason: R,
) {
  if (maxDaysBehind === null) return null;
  const expected = `at most ${count(maxDaysBehind, 'day')} behind the newest release`;
  if (fact === null) return cannotTell(expected, 'the version of the system is not known');
  const lag = lagOf(fact, baseline, baselineMaxAgeDays, now);
  if (lag.state === 'unknown') return cannotTell(expected, lag.why, lag.since);
  if (lag.state === 'not-tracked' || lag.days <= maxDaysBehind) return null;
  const given = `${fact.version ?? 'an older one'}, ${count(lag.days, 'day')} behind ${lag.newest()}`;
  return fail(reason, expected, given);
}
