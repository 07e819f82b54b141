import { z } from 'zod';
import { defineRule, fail, pass } from './rule.ts';

export const osVersion = defineRule('os-version', {
  expect: z.strictObject({
    /** Whether a system past its own end of support fails. */
    supported: z.boolean().default(true),
  }),
  judge(fact, expect, now) {
    const name = fact.display ?? fact.name ?? fact.family;
    const ends = fact.endOfSupport;
    if (expect.supported && ends !== null && Date.parse(ends) < now) {
      return fail('os-end-of-life', 'a system that still gets updates', `${name}, supported until ${ends}`);
    }
    return pass('a system that still gets updates', name);
  },
});
