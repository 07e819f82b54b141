import { z } from 'zod';
import { defineRule, fail, pass } from './rule.ts';

export const tags = defineRule('tags', {
  expect: z.strictObject({
    /** Tags that have to be true. */
    required: z.array(z.string().max(100)).max(100).default([]),
  }),
  judge(fact, want) {
    const expected =
      want.required.length === 0 ? 'no rules of the company’s own' : `met: ${want.required.join(', ')}`;
    const missing = want.required.filter((tag) => fact[tag] !== true);
    return missing.length === 0
      ? pass(expected, 'as expected')
      : fail('tag-not-met', expected, `not met: ${missing.join(', ')}`);
  },
});
