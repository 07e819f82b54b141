import { z } from 'zod';
import { defineRule, fail, pass, warn } from './rule.ts';

export const secureBoot = defineRule('secure-boot', {
  expect: z.strictObject({
    /** Whether firmware without Secure Boot warns. */
    supported: z.boolean().default(false),
  }),
  judge(fact, want) {
    const expected = 'only signed software starts';
    if (fact.sip === false) return fail('sip-off', expected, 'System Integrity Protection off');
    if (fact.secureBoot === 'off') return fail('secure-boot-off', expected, 'Secure Boot off');
    if (fact.secureBoot === 'unsupported' && want.supported) {
      return warn('secure-boot-off', expected, 'this firmware has no Secure Boot');
    }
    return pass(expected, fact.secureBoot === 'on' ? 'Secure Boot on' : 'no Secure Boot to turn on');
  },
});
