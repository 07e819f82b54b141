import { readAsset } from '../base/assets.ts';
import { assess, firstToFix, judgeFairly, missingRequired } from '../policy/judge.ts';
import { datedBy, type CheckTimesState } from './check-times.ts';
import type { CompiledPolicy } from '../policy/compiled.ts';
import type { Policy, Rulebook } from '../policy/policy.ts';
import type { CheckId, Readings } from '../../collectors/specs.ts';
import type { Risk, Verdict } from '../wire/decision.ts';

/** What this device makes of itself. */
export type Judgement = {
  verdicts: Verdict[];
  risk: Risk;
  firstToFix: Verdict | null;
  /** Required checks that could not be read: while there are any, nobody can say how things stand. */
  requiredUnknown: CheckId[];
};

/**
 * A policy for judging oneself: the server's, which knows since when things are as they are, or the shipped one; and
 * what this device knows of that itself.
 */
export type OwnPolicy = Rulebook & Partial<Pick<CompiledPolicy, 'courses' | 'unknownSince'>>;

/** The same with what this device has seen itself. */
export function withOwnTimes(policy: OwnPolicy, times: CheckTimesState): OwnPolicy {
  return { ...policy, unknownSince: datedBy(times, policy.unknownSince) };
}

export function judgeAll(readings: Readings, policy: OwnPolicy, now: number): Judgement {
  const { courses: begun = {}, unknownSince: since = {} } = policy;
  const verdicts = judgeFairly(readings, policy, now, { since, begun });
  return {
    verdicts,
    risk: assess(verdicts, policy),
    firstToFix: firstToFix(verdicts, policy),
    requiredUnknown: missingRequired(readings, policy),
  };
}

/** The policy that is shipped with the agent, for a device that was given none. */
export async function loadDefaultPolicy(): Promise<Policy> {
  const { parsePolicy } = await import('../policy/policy-text.ts');
  const parsed = parsePolicy(readAsset('src/policy/default-policy.yaml'));
  if (!parsed.ok) throw new Error('the shipped default policy does not match its own schema');
  return parsed.value;
}
