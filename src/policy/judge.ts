import type { z } from 'zod';
import { checkIds, type CheckId, type Fact, type ReasonCode, type Readings } from '../../collectors/specs.ts';
import type { Reading, Unknown } from '../base/reading.ts';
import { RISK_LEVELS, type Level, type Risk, type RiskLevel, type Verdict } from '../wire/decision.ts';
import type { Rulebook } from './compiled.ts';
import type { Context, Finding, Rule } from './rule.ts';
import { rules } from './rules.ts';
import { sentenceFor } from './words.ts';

const HOUR_MS = 3_600_000;

/** When each check that is unknown now was last known, or was first asked; milliseconds. */
export type UnknownSince = Partial<Record<CheckId, number>>;

/**
 * Judges every check that the policy weighs. Pure: `now` is in milliseconds. A check that was never reported is
 * unknown; one that does not apply to this device is not judged and has no verdict.
 */
export function judge(
  readings: Partial<Readings>,
  policy: Rulebook,
  now: number,
  since: UnknownSince = {},
): Verdict[] {
  return checkIds.flatMap((id) => {
    const verdict = judgeOne(id, readings, policy, now, since[id] ?? now);
    return verdict === null ? [] : [verdict];
  });
}

function judgeOne(
  id: CheckId,
  readings: Partial<Readings>,
  policy: Rulebook,
  now: number,
  since: number,
): Verdict | null {
  const { weight, required } = policy.checks[id];
  const reading: Reading<unknown> | undefined = readings[id];
  if (weight === 0 && !required) return null;
  if (reading === undefined) return unknownVerdict(id, 'not reported yet', policy, now, since);
  if (reading.state === 'unknown') {
    if (reading.why === 'not-applicable') return null;
    return unknownVerdict(id, wordsFor(reading), policy, now, since);
  }
  return knownVerdict({ id, fact: reading.fact, readings }, policy, now, since);
}

function contextOf(readings: Partial<Readings>, { tags, baseline = null }: Rulebook): Context {
  const version = readings['os-version'];
  const osVersion = version?.state === 'known' ? version.fact : null;
  return { tags, baseline, osVersion, platform: osVersion?.platform ?? null };
}

type KnownFact = { id: CheckId; fact: unknown; readings: Partial<Readings> };

function knownVerdict(
  { id, fact, readings }: KnownFact,
  policy: Rulebook,
  now: number,
  since: number,
): Verdict {
  // The registry pairs each rule with its own check's fact and settings; a union of pairs cannot say so.
  const rule = rules[id] as unknown as Rule<CheckId>;
  let finding: Finding<CheckId>;
  try {
    const context = contextOf(readings, policy);
    finding = rule.judge(
      fact as Fact<CheckId>,
      policy.checks[id].expect as z.output<z.ZodType>,
      now,
      context,
    );
  } catch (error) {
    const problem = error instanceof Error ? error.message : 'unknown error';
    return unknownVerdict(id, `could not be judged: ${problem}`, policy, now, since);
  }
  if (finding.level === 'unknown') {
    return unknownVerdict(id, finding.given, policy, now, finding.since ?? since);
  }
  return verdictOf(id, finding.level, finding.reason ?? 'ok', finding.expected, finding.given);
}

function unknownVerdict(id: CheckId, given: string, policy: Rulebook, now: number, since: number): Verdict {
  const { graceHours, then } = policy.checks[id].unknown;
  const level: Level = now - since < graceHours * HOUR_MS ? 'unknown' : then;
  return verdictOf(id, level, `${id}-unknown`, 'a clear answer', given);
}

function wordsFor(reading: Unknown): string {
  return reading.detail === '' ? reading.why : `${reading.why} (${reading.detail})`;
}

function verdictOf(
  check: CheckId,
  level: Level,
  reason: ReasonCode | 'ok',
  expected: string,
  given: string,
): Verdict {
  return { check, level, expected, given, reason, sentence: sentenceFor(reason, expected, given) };
}

/** Adds up what the verdicts weigh. A fail counts whole, a warn half (rounded up), pass and unknown nothing. */
export function assess(verdicts: readonly Verdict[], policy: Rulebook): Risk {
  const points = verdicts.reduce((sum, verdict) => sum + weightOf(verdict, policy), 0);
  const score = Math.min(100, points);
  const floors = verdicts
    .filter(({ level }) => level === 'fail')
    .map(({ check }) => policy.checks[check].floor);
  return { score, level: highest([levelFor(score, policy), ...floors]) };
}

function weightOf(verdict: Verdict, policy: Rulebook): number {
  const { weight } = policy.checks[verdict.check];
  if (verdict.level === 'fail') return weight;
  return verdict.level === 'warn' ? Math.ceil(weight / 2) : 0;
}

function levelFor(score: number, policy: Rulebook): RiskLevel {
  if (score >= policy.risk.high) return 'high';
  return score >= policy.risk.medium ? 'medium' : 'low';
}

function highest(levels: readonly RiskLevel[]): RiskLevel {
  return levels.reduce((a, b) => (RISK_LEVELS.indexOf(b) > RISK_LEVELS.indexOf(a) ? b : a));
}

const ORDER: readonly Level[] = ['fail', 'warn', 'unknown', 'pass'];

/** The one verdict to act on first: the worst level, then the heaviest check. Null when there is none but passes. */
export function firstToFix(verdicts: readonly Verdict[], policy: Rulebook): Verdict | null {
  const open = verdicts.filter((verdict) => verdict.level !== 'pass');
  const rank = (verdict: Verdict) =>
    ORDER.indexOf(verdict.level) * 1_000 - policy.checks[verdict.check].weight;
  return open.toSorted((a, b) => rank(a) - rank(b))[0] ?? null;
}

/** Required checks that have no known verdict: while there are any, the device cannot be judged. */
export function missingRequired(readings: Partial<Readings>, policy: Rulebook): CheckId[] {
  return checkIds.filter((id) => {
    const reading = readings[id];
    if (!policy.checks[id].required) return false;
    return reading === undefined || (reading.state === 'unknown' && reading.why !== 'not-applicable');
  });
}
