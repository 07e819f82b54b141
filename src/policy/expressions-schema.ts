import { z } from 'zod';
import { RISK_LEVELS } from '../wire/decision.ts';
import { keepRead } from './answers.ts';
import { MAX_EXPRESSION, parseExpression } from './cel.ts';
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

const expression = z
  .strictObject({
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
  })
  .overwrite(keptAsRead);

export const expressionsSchema = z
  .array(expression)
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

/** An expression is read once, with its policy: reading it anew for each device would cost more than answering. */
function keptAsRead<E extends { when?: string | undefined; expr: string }>(one: E): E {
  const when = one.when === undefined ? null : parseExpression(one.when);
  const expr = parseExpression(one.expr);
  if (when?.ok !== false && expr.ok) keepRead(one, { when: when?.value ?? null, expr: expr.value });
  return one;
}
