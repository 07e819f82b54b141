import { z } from 'zod';
import type { Fact } from '../../collectors/specs.ts';
import { behindFinding, currency } from './currency.ts';
import { count, daysSince, defineRule, fail, pass, warn } from './rule.ts';

const expect = z.strictObject({
  /** Security updates that may wait. */
  maxPendingSecurity: z.number().int().nonnegative().default(0),
  /** Days since the list of available updates was made, beyond which it says nothing. */
  maxMetadataAgeDays: z.number().int().positive().default(14),
  /** Whether a restart that is due warns. */
  reboot: z.boolean().default(true),
  ...currency,
});

export const osPatch = defineRule('os-patch', {
  expect,
  judge(fact, want, now, context) {
    const expected = `at most ${count(want.maxPendingSecurity, 'security update')} waiting`;
    const pending = fact.pendingSecurity;
    if (pending !== null && pending > want.maxPendingSecurity) {
      return fail('patch-security-pending', expected, `${count(pending, 'security update')} waiting`);
    }
    const behind = behindFinding(context.osVersion, want, now, context, 'patch-behind');
    if (behind?.level === 'fail') return behind;
    const age = daysSince(fact.metadataAt ?? fact.lastCheckedAt, now);
    if (pending === null || age === null || age > want.maxMetadataAgeDays) {
      return warn(
        'patch-stale',
        `update lists at most ${count(want.maxMetadataAgeDays, 'day')} old`,
        ageOf(fact, age),
      );
    }
    if (want.reboot && fact.rebootRequired === true) {
      return warn('patch-reboot', 'no restart due', fact.rebootReason ?? 'restart due');
    }
    if (behind !== null) return behind;
    return pass(expected, `${count(pending, 'security update')} waiting`);
  },
});

function ageOf(fact: Fact<'os-patch'>, age: number | null): string {
  if (age !== null) return `lists ${count(age, 'day')} old`;
  return fact.manager === 'none' ? 'no package manager' : 'no usable update lists';
}
