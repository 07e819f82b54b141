import { z } from 'zod';
import { count, defineRule, fail, pass, warn } from './rule.ts';

export const screenLock = defineRule('screen-lock', {
  expect: z.strictObject({
    /** Seconds from the last key press to the lock. */
    maxSeconds: z.number().int().positive().default(900),
  }),
  judge(fact, want) {
    const minutes = count(Math.round(want.maxSeconds / 60), 'minute');
    const expected = `locked after at most ${minutes}`;
    if (fact.users.some((user) => user.enabled === false || user.idleSeconds === 0)) {
      return fail('lock-off', expected, 'does not lock by itself');
    }
    const slowest = Math.max(
      0,
      ...fact.users.map((user) => (user.idleSeconds ?? 0) + (user.delaySeconds ?? 0)),
    );
    if (slowest > want.maxSeconds) {
      return warn('lock-slow', expected, `locks after ${count(Math.round(slowest / 60), 'minute')}`);
    }
    return pass(
      expected,
      slowest === 0 ? 'locks' : `locks after ${count(Math.round(slowest / 60), 'minute')}`,
    );
  },
});
