import { z } from 'zod';
import { defineRule, fail, pass } from './rule.ts';

export const processes = defineRule('processes', {
  expect: z.strictObject({}),
  judge(fact) {
    const running = fact.matches.filter((match) => match.count > 0);
    const expected = 'none of the watched programs running';
    if (running.length === 0) return pass(expected, 'none running');
    return fail(
      'process-watched',
      expected,
      `running: ${running
        .map((match) => match.rule)
        .slice(0, 5)
        .join(', ')}`,
    );
  },
});
