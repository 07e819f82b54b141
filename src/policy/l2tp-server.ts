import { z } from 'zod';
import { defineRule, fail, pass } from './rule.ts';

export const l2tpServer = defineRule('l2tp-server', {
  expect: z.strictObject({
    /** True for machines that are meant to be one. */
    allowed: z.boolean().default(false),
  }),
  judge(fact, want) {
    const expected = want.allowed ? 'an L2TP server may run' : 'no L2TP server';
    if (fact.verdict !== 'server' || want.allowed) return pass(expected, given(fact.verdict));
    const owner = fact.listening[0]?.owner;
    const name = owner?.service ?? owner?.process ?? fact.services.find((one) => one.role === 'server')?.name;
    return fail(
      'l2tp-server-running',
      expected,
      name === null || name === undefined ? 'an L2TP server runs' : `${name} serves L2TP`,
    );
  },
});

function given(verdict: 'server' | 'client-only' | 'none'): string {
  return { server: 'an L2TP server runs', 'client-only': 'an L2TP client only', none: 'none' }[verdict];
}
