import { z } from 'zod';
import { defineRule, fail, pass, warn } from './rule.ts';

export const vpnClient = defineRule('vpn-client', {
  expect: z.strictObject({}),
  judge(fact) {
    const expected = 'L2TP inside IPsec, secrets readable by root only';
    const clear = fact.profiles.find((profile) => profile.ipsec === false && profile.state === 'up');
    if (clear) return fail('vpn-without-ipsec', expected, `${clear.name} is up without IPsec`);
    const plain = fact.profiles.find((profile) => profile.ipsec === false && profile.enabled !== false);
    if (plain) return warn('vpn-without-ipsec', expected, `${plain.name} is set up without IPsec`);
    const readable = fact.profiles.find((profile) => profile.secretsReadableByUser === true);
    if (readable)
      return warn('vpn-secrets-readable', expected, `secrets of ${readable.name} are readable by others`);
    return pass(expected, fact.profiles.length === 0 ? 'no L2TP profile' : 'as expected');
  },
});
