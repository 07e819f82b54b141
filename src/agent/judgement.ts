import { readAsset } from '../base/assets.ts';
import { assess, firstToFix, judgeFairly, missingRequired } from '../policy/judge.ts';
import type { CompiledPolicy } from '../policy/compiled.ts';
import { parsePolicy, type Policy, type Rulebook } from '../policy/policy.ts';
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

/** A policy for judging oneself: the server's, which knows since when things are as they are, or the shipped one. */
export type OwnPolicy = Rulebook & Partial<Pick<CompiledPolicy, 'courses' | 'unknownSince'>>;

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
  const parsed = parsePolicy(readAsset('src/policy/default-policy.yaml'));
  if (!parsed.ok) throw new Error('the shipped default policy does not match its own schema');
  return parsed.value;
}
