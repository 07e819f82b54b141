import type { z } from 'zod';
import { checkIds, type CheckId, type Fact, type Readings } from '../../collectors/specs.ts';
import type { Reading, Unknown } from '../base/reading.ts';
import { RISK_LEVELS, type Level, type Risk, type RiskLevel, type Verdict } from '../wire/decision.ts';
import { judgeExpression, type ExpressionFinding } from './expressions.ts';
import { rowOf, type Rulebook } from './policy.ts';
import { pointsFor, withGrace, type Begun } from './grace.ts';
import type { Context, Finding, Rule } from './rule.ts';
import { rules } from './rules.ts';
import { isoOrNull, sentenceFor, type Span } from './words.ts';

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
  const checks = checkIds.flatMap((id) => judgeOne(id, readings, policy, now, since[id] ?? null) ?? []);
  const own = policy.expressions.flatMap((one) => {
    const found = judgeExpression(one, readings, now, since);
    return found === null ? [] : [expressionVerdict(found, policy, now)];
  });
  return own.length === 0 ? checks : [...checks, ...own];
}

function judgeOne(
  id: CheckId,
  readings: Partial<Readings>,
  policy: Rulebook,
  now: number,
  since: number | null,
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
  since: number | null,
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
  const { level, reason, expected, given } = finding;
  return verdictOf(policy, { check: id, level, expected, given, reason: reason ?? 'ok' }, null);
}

/** Without `since` (milliseconds), its hours begin now. */
function unknownVerdict(
  id: CheckId,
  given: string,
  policy: Rulebook,
  now: number,
  since: number | null,
): Verdict {
  const found = { check: id, expected: 'a clear answer', given, reason: `${id}-unknown` as const };
  return openVerdict(policy, found, now, since);
}

/** What the row of a check or expression makes of an unknown. */
function openVerdict(
  policy: Rulebook,
  found: Omit<Found, 'level'>,
  now: number,
  since: number | null,
): Verdict {
  const { graceHours, then } = rowOf(policy, found.check).unknown;
  const until = (since ?? now) + graceHours * HOUR_MS;
  const over = now >= until;
  const span = since === null ? null : { since, until, over };
  return verdictOf(policy, { ...found, level: over ? then : 'unknown' }, span);
}

function expressionVerdict(found: ExpressionFinding, policy: Rulebook, now: number): Verdict {
  const { id: check, level, expected, given, since } = found;
  if (level !== 'unknown') {
    const reason = level === 'pass' ? 'ok' : 'expression-not-met';
    return verdictOf(policy, { check, level, expected, given, reason }, null);
  }
  return openVerdict(policy, { check, expected, given, reason: 'expression-unknown' }, now, since);
}

function wordsFor(reading: Unknown): string {
  return reading.detail === '' ? reading.why : `${reading.why} (${reading.detail})`;
}

type Found = Pick<Verdict, 'check' | 'level' | 'expected' | 'given' | 'reason'>;

function verdictOf(policy: Rulebook, found: Found, span: Span | null): Verdict {
  return {
    ...found,
    points: pointsFor(found.level, rowOf(policy, found.check).weight),
    sentence: sentenceFor(found.reason, found.expected, found.given, span),
    since: isoOrNull(span?.since ?? null),
    until: isoOrNull(span?.until ?? null),
  };
}

/** Judges with the grace that each check has left. */
export function judgeFairly(
  readings: Partial<Readings>,
  policy: Rulebook,
  now: number,
  { since, begun }: { since: UnknownSince; begun: Begun },
): Verdict[] {
  return withGrace(judge(readings, policy, now, since), begun, policy, now);
}

/** Adds up what the verdicts weigh; the level is at least what the floor of a failed check says. */
export function assess(verdicts: readonly Verdict[], policy: Rulebook): Risk {
  const score = Math.min(
    100,
    verdicts.reduce((sum, verdict) => sum + verdict.points, 0),
  );
  let level = levelFor(score, policy);
  for (const verdict of verdicts) {
    if (verdict.level === 'fail') level = higher(level, rowOf(policy, verdict.check).floor);
  }
  return { score, level };
}

function levelFor(score: number, policy: Rulebook): RiskLevel {
  if (score >= policy.risk.high) return 'high';
  return score >= policy.risk.medium ? 'medium' : 'low';
}

function higher(a: RiskLevel, b: RiskLevel): RiskLevel {
  return RISK_LEVELS.indexOf(b) > RISK_LEVELS.indexOf(a) ? b : a;
}

const ORDER: readonly Level[] = ['fail', 'warn', 'unknown', 'pass'];

/** What is not as it should be, in the order in which to act on it: the worst level first, then the heaviest check. */
export function toFix(verdicts: readonly Verdict[], policy: Rulebook): Verdict[] {
  const open = verdicts.filter((verdict) => verdict.level !== 'pass');
  const rank = (verdict: Verdict) =>
    ORDER.indexOf(verdict.level) * 1_000 - rowOf(policy, verdict.check).weight;
  return open.toSorted((a, b) => rank(a) - rank(b));
}

/** The one verdict to act on first; null when there is none but passes. */
export function firstToFix(verdicts: readonly Verdict[], policy: Rulebook): Verdict | null {
  return toFix(verdicts, policy)[0] ?? null;
}

/** Required checks that have no known verdict: while there are any, the device cannot be judged. */
export function missingRequired(readings: Partial<Readings>, policy: Rulebook): CheckId[] {
  return checkIds.filter((id) => {
    const reading = readings[id];
    if (!policy.checks[id].required) return false;
    return reading === undefined || (reading.state === 'unknown' && reading.why !== 'not-applicable');
  });
}
