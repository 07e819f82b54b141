import { z } from 'zod';
import type { CheckId, Readings } from '../../collectors/specs.ts';
import { RISK_LEVELS, type ExpressionId, type JudgedId } from '../wire/decision.ts';
import { answer, MAX_EXPRESSION, parseExpression, type Answer, type Expression } from './cel.ts';
import { graceRow } from './fairness.ts';
import { unknownRow } from './unknown-row.ts';

const MAX_EXPRESSIONS = 30;

const expressionText = z
  .string()
  .min(1)
  .max(MAX_EXPRESSION)
  .superRefine((text, context) => {
    const parsed = parseExpression(text);
    if (!parsed.ok)
      context.addIssue({ code: 'custom', message: `${parsed.error} (see docs/policy.md, expressions)` });
  });

export const expressionsSchema = z
  .array(
    z.strictObject({
      name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'has to be of small letters, digits and -'),
      /** Where it is false, the expression is not judged. */
      when: expressionText.optional(),
      /** Has to be true. */
      expr: expressionText,
      /** A short phrase that completes "expected …". */
      expected: z.string().min(1).max(200),
      weight: z.number().int().min(0).max(100).default(10),
      floor: z.enum(RISK_LEVELS).default('low'),
      unknown: unknownRow.prefault({}),
      grace: graceRow.prefault({}),
    }),
  )
  .max(MAX_EXPRESSIONS)
  .refine((all) => new Set(all.map((one) => one.name)).size === all.length, {
    message: 'two expressions have the same name',
  });

/** The same from a server that may be newer: one that is no expression of ours is left out. */
export const knownExpressions = z
  .array(z.unknown())
  .transform((all) =>
    all.slice(0, MAX_EXPRESSIONS).flatMap((one) => expressionsSchema.safeParse([one]).data ?? []),
  );

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
  { name, when, expr, expected, weight }: PolicyExpression,
  readings: Partial<Readings>,
  now: number,
  since: Since,
): ExpressionFinding | null {
  if (weight === 0) return null;
  const applies = when === undefined ? ({ state: 'true' } as const) : ask(when, readings, now);
  if (applies.state === 'false' || applies.state === 'not-applicable') return null;
  const found = applies.state === 'unknown' ? applies : ask(expr, readings, now);
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

/** The check that has been unknown for longest is what the expression waits for. */
function oldest(of: readonly CheckId[], since: Since): number | null {
  const times = of.flatMap((id) => since[id] ?? []);
  return times.length === 0 ? null : Math.min(...times);
}

const parsed = new Map<string, Expression>();
const MOST_PARSED = 500;

/** Expressions were read with their policy; reading them anew for each device would cost more than answering. */
function ask(text: string, readings: Partial<Readings>, now: number): Answer {
  const known = parsed.get(text);
  if (known !== undefined) return answer(known, readings, now);
  const fresh = parseExpression(text);
  if (!fresh.ok) return { state: 'unknown', why: fresh.error, of: [] };
  if (parsed.size >= MOST_PARSED) parsed.clear();
  parsed.set(text, fresh.value);
  return answer(fresh.value, readings, now);
}
