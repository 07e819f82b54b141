import { z } from 'zod';

/** How long a check may fail before that counts. */
export const graceRow = z.strictObject({
  /** Hours from the first time that it failed; 0 means that a fail counts at once. */
  hours: z.number().min(0).max(8_760).default(0),
  /** What a fail counts as until then: `notice` adds nothing, `warn` half the weight. */
  as: z.enum(['notice', 'warn']).default('notice'),
});

export const fairness = z.strictObject({
  /**
   * Seconds for which a check has to be worse without a break before that cuts anybody's session. A check with a
   * floor counts at once, and what gets better always does.
   */
  steadySeconds: z.number().int().min(0).max(3_600).default(60),
  /** Hours for which a check has to pass without a break before a later failure gets a grace of its own. */
  settledHours: z.number().min(0).max(8_760).default(24),
});

/** When many devices would lose access at once, that is more likely our mistake than theirs. */
export const breaker = z.strictObject({
  /** The share of all devices beyond which it holds, and the least number of devices. */
  percent: z.number().min(0).max(100).default(5),
  devices: z.number().int().min(1).max(1_000_000).default(10),
  /** Those that lose access within this time are counted together. */
  minutes: z.number().min(1).max(1_440).default(10),
});
