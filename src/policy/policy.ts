import type { z } from 'zod';
import { checkIds, isCheckId, type CheckId } from '../../collectors/specs.ts';
import type { JudgedId } from '../wire/decision.ts';
import type { Baseline } from './baseline.ts';
import type { policySchema } from './policy-schema.ts';

/** What `policySchema` reads. */
export type Policy = z.infer<typeof policySchema>;
/** What judging needs of a policy; the whole of it, or what was compiled of it for one device. */
export type Rulebook = Pick<Policy, 'name' | 'risk' | 'checks' | 'tags' | 'watch' | 'expressions'> &
  Referenced;

/** Reference data, for the checks that compare with it. */
export type Referenced = { baseline?: Baseline | null };

export type CheckPolicy = Policy['checks'][CheckId];

/** How a check or an expression counts. */
export type Row = Pick<CheckPolicy, 'weight' | 'required' | 'floor' | 'unknown' | 'grace'>;

/** The row of what was judged; one that the policy does not name (any more) weighs nothing. */
export function rowOf({ checks, expressions }: Pick<Policy, 'checks' | 'expressions'>, id: JudgedId): Row {
  if (isCheckId(id)) return checks[id];
  const expression = expressions.find(({ name }) => id === `expression:${name}`);
  return expression === undefined ? NO_ROW : { ...expression, required: false };
}

const NO_ROW: Row = {
  weight: 0,
  required: false,
  floor: 'low',
  unknown: { graceHours: 0, then: 'warn' },
  grace: { hours: 0, as: 'notice' },
};

export function requiredChecks(policy: Policy): CheckId[] {
  return checkIds.filter((id) => policy.checks[id].required);
}
