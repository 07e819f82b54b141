import { z } from 'zod';
import { defineRule, fail, pass, warn } from './rule.ts';

const PROTECTIONS = ['file', 'os-keystore', 'tpm'] as const;

export const agent = defineRule('agent', {
  expect: z.strictObject({
    /** The least protection of the device's key. */
    keyProtection: z.enum(PROTECTIONS).default('file'),
  }),
  judge(fact, want) {
    const expected = `agent unchanged, key in ${want.keyProtection} or better`;
    if (fact.integrity === false) return fail('agent-tampered', expected, 'its files were changed');
    const given = fact.keyProtection;
    if (given !== null && PROTECTIONS.indexOf(given) < PROTECTIONS.indexOf(want.keyProtection)) {
      return warn('agent-key-weak', expected, `key in ${given}`);
    }
    return pass(expected, `version ${fact.version}`);
  },
});
