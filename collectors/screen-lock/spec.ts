import { z } from 'zod';
import { defineCheck } from '../check.ts';

const seconds = z.number().int().nonnegative().nullable();

/** Source: the desktop's own settings of each logged-in user. Nobody logged in is `not-applicable`. */
const screenLockFact = () =>
  z.object({
    users: z
      .array(
        z.object({
          session: z.string(),
          enabled: z.boolean().nullable(),
          /** Seconds between the screen going dark and the lock. */
          delaySeconds: seconds,
          /** Seconds without input until the screen goes dark. */
          idleSeconds: seconds,
          /** Set by policy, so that the user cannot change it. */
          enforced: z.boolean().nullable(),
        }),
      )
      .max(50),
  });

export const screenLock = defineCheck({
  id: 'screen-lock',
  version: 1,
  timeoutMs: 15_000,
  collects: 'Whether the screen locks by itself, and after how many minutes.',
  fact: screenLockFact,
  reasons: ['lock-off', 'lock-slow'],
});
