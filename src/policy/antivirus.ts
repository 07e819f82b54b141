import { z } from 'zod';
import { count, daysSince, defineRule, fail, pass, warn } from './rule.ts';

export const antivirus = defineRule('antivirus', {
  expect: z.strictObject({
    maxDefinitionsAgeDays: z.number().int().positive().default(7),
  }),
  judge(fact, want, now) {
    const expected = `antivirus on, definitions at most ${count(want.maxDefinitionsAgeDays, 'day')} old`;
    if (fact.products.length === 0) return fail('av-missing', expected, 'none installed');
    const active = fact.products.find((product) => product.name === fact.active);
    if (!active)
      return fail('av-inactive', expected, `${fact.products[0]?.name ?? 'antivirus'} does not protect`);
    const age = daysSince(active.definitionsAt, now);
    if (active.upToDate === false || (age !== null && age > want.maxDefinitionsAgeDays)) {
      const given = age === null ? 'definitions out of date' : `definitions ${count(age, 'day')} old`;
      return warn('av-outdated', expected, `${active.name}, ${given}`);
    }
    return pass(expected, `${active.name} on`);
  },
});
