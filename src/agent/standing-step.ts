import type { Policy } from '../policy/policy.ts';
import { RISK_LEVELS, type RiskLevel } from '../wire/decision.ts';
import type { Holder } from './holders.ts';
import type { Judgement } from './judgement.ts';

export type StandingRules = {
  standing: Policy['standing'];
  /** Milliseconds until which nothing is held by the device itself; null: no such permission. */
  breakGlassUntil: number | null;
};

export type StandingEvidence = {
  judged: Pick<Judgement, 'verdicts' | 'risk' | 'firstToFix'>;
  /** When the server was last heard (milliseconds); null where that is not known. */
  heardAt: number | null;
  now: number;
};

const HOUR_MS = 3_600_000;

/**
 * What the device does to its own VPN by its own judgement: a holder to put, null to lift, `keep` to leave things as
 * they are. Pure. Without rules in force (none given, or past their time) nothing is held.
 */
export function standingStep(
  held: Holder | null,
  rules: StandingRules | null,
  evidence: StandingEvidence,
): Holder | null | 'keep' {
  const next = rules === null ? null : wish(held, rules, evidence);
  if (next === null || held === null) return next === held ? 'keep' : next;
  return next === 'keep' || sameChecks(held, next) ? 'keep' : { ...next, since: held.since };
}

function wish(
  held: Holder | null,
  { standing, breakGlassUntil }: StandingRules,
  { judged, heardAt, now }: StandingEvidence,
): Holder | null | 'keep' {
  if (breakGlassUntil !== null && breakGlassUntil > now) return null;
  const { verdicts, risk, firstToFix } = judged;
  if (standing.deny !== 'never' && isAtLeast(risk.level, standing.deny)) {
    const checks = verdicts
      .filter(({ level }) => level === 'fail' || level === 'warn')
      .map(({ check }) => check);
    return holderFor(firstToFix?.sentence ?? `${risk.level} risk`, checks, now);
  }
  const silentHours = heardAt === null ? 0 : (now - heardAt) / HOUR_MS;
  if (standing.serverSilentHours !== null && silentHours >= standing.serverSilentHours)
    return holderFor(`The posture server was not heard for ${standing.serverSilentHours} hours.`, [], now);
  // A check that was bad and cannot be read any more is not better.
  const isUnclear = verdicts.some(({ check, level }) => level === 'unknown' && held?.checks.includes(check));
  return isUnclear ? 'keep' : null;
}

function holderFor(reason: string, checks: string[], since: number): Holder {
  return { since, until: null, reason: reason.slice(0, 500), profiles: null, order: null, checks };
}

function sameChecks(a: Holder, b: Holder): boolean {
  return a.reason === b.reason && a.checks.toSorted().join() === b.checks.toSorted().join();
}

function isAtLeast(level: RiskLevel, limit: RiskLevel): boolean {
  return RISK_LEVELS.indexOf(level) >= RISK_LEVELS.indexOf(limit);
}
