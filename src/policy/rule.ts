import type { z } from 'zod';
import type { Platform } from '../../collectors/check.ts';
import type { CheckId, Fact, ReasonOf } from '../../collectors/specs.ts';
import type { Baseline } from './baseline.ts';
import type { Tags } from './questions.ts';

/** What a rule makes of a fact: `reason` is null for a pass. */
export type Finding<Id extends CheckId> = {
  level: 'pass' | 'warn' | 'fail' | 'unknown';
  reason: ReasonOf<Id> | null;
  /** Short phrases for "expected … , found …". */
  expected: string;
  given: string;
  /** For an unknown: when it began, milliseconds, where the rule can tell. */
  since?: number;
};

/** What a rule may look at besides its own fact: the same on the server and on the device. */
export type Context = {
  /** Null while the device has not said it. */
  platform: Platform | null;
  tags: Tags;
  /** Null where there is none, or this device was given none. */
  baseline: Baseline | null;
  osVersion: Fact<'os-version'> | null;
};

/** How one check is judged. Pure: time comes as an argument (milliseconds). */
export type Rule<Id extends CheckId, S extends z.ZodType = z.ZodType> = {
  /** The thresholds that a policy file may set under `expect`, with their defaults. */
  expect: S;
  judge(fact: Fact<Id>, expect: z.output<S>, now: number, context: Context): Finding<Id>;
};

export function defineRule<Id extends CheckId, S extends z.ZodType>(_id: Id, rule: Rule<Id, S>): Rule<Id, S> {
  return rule;
}

export function pass(expected: string, given: string): Finding<never> {
  return { level: 'pass', reason: null, expected, given };
}

export function fail<R extends string>(reason: R, expected: string, given: string) {
  return { level: 'fail' as const, reason, expected, given };
}

export function warn<R extends string>(reason: R, expected: string, given: string) {
  return { level: 'warn' as const, reason, expected, given };
}

/** What a rule cannot tell; what that means stands in the check's row of the policy. */
export function cannotTell(expected: string, given: string, since?: number): Finding<never> {
  return { level: 'unknown', reason: null, expected, given, ...(since === undefined ? {} : { since }) };
}

const DAY_MS = 86_400_000;

/** Whole days since an ISO time, never negative; null where there is no time. */
export function daysSince(time: string | null, now: number): number | null {
  return time === null ? null : Math.max(0, Math.floor((now - Date.parse(time)) / DAY_MS));
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
