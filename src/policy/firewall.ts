import { z } from 'zod';
import { defineRule, fail, pass, warn } from './rule.ts';

export const firewall = defineRule('firewall', {
  expect: z.strictObject({}),
  judge(fact) {
    const expected = 'unsolicited connections blocked';
    if (fact.state === 'on') return pass(expected, fact.managedBy === null ? 'on' : `on (${fact.managedBy})`);
    if (fact.state === 'off') return fail('firewall-off', expected, 'off');
    const open = fact.profiles.filter(
      (profile) => profile.enabled === false || profile.inboundDefault === 'allow',
    );
    return warn(
      'firewall-partial',
      expected,
      `open for: ${open.map((profile) => profile.name).join(', ') || 'a part'}`,
    );
  },
});
