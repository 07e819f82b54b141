import type { z } from 'zod';
import type { CheckId, Readings } from '../../collectors/specs.ts';
import type { ExpressionId, JudgedId } from '../wire/decision.ts';
import { answer, readOf, type Answer } from './answers.ts';
import type { expressionsSchema } from './expressions-schema.ts';

export type PolicyExpression = z.infer<typeof expressionsSchema>[number];

export function expressionId(name: string): ExpressionId {
  return `expression:${name}`;
}

/** What became of one expression on one device; null where it is not judged. `since` (ms) is since when it is unknown. */
export type ExpressionFinding = {
  id: ExpressionId;
  level: 'pass' | 'fail' | 'unknown';
  expected: string;
  given: string;
  since: number | null;
};

type Since = { readonly [Id in JudgedId]?: number };

/** Pure; `now` is in milliseconds. An unknown is neither a pass nor a fail, also where it is only `when` that is unknown. */
export function judgeExpression(
  expression: PolicyExpression,
  readings: Partial<Readings>,
  now: number,
  since: Since,
): ExpressionFinding | null {
  const { name, expected, weight } = expression;
  if (weight === 0) return null;
  const found = answerTo(expression, readings, now);
  if (found.state === 'not-applicable') return null;
  const id = expressionId(name);
  if (found.state === 'unknown')
    return {
      id,
      level: 'unknown',
      expected,
      given: found.why,
      since: oldest(found.of, since) ?? since[id] ?? null,
    };
  const isMet = found.state === 'true';
  return {
    id,
    level: isMet ? 'pass' : 'fail',
    expected,
    given: isMet ? 'as expected' : `"${name}" is not met`,
    since: null,
  };
}

function answerTo(expression: PolicyExpression, readings: Partial<Readings>, now: number): Answer {
  const read = readOf(expression);
  if (read === null) return { state: 'unknown', why: 'a rule that was not read with its policy', of: [] };
  const applies = read.when === null ? null : answer(read.when, readings, now);
  if (applies === null || applies.state === 'true') return answer(read.expr, readings, now);
  return applies.state === 'false' ? { state: 'not-applicable' } : applies;
}

/** The check that has been unknown for longest is what the expression waits for. */
function oldest(of: readonly CheckId[], since: Since): number | null {
  const times = of.flatMap((id) => since[id] ?? []);
  return times.length === 0 ? null : Math.min(...times);
}
