import { z } from 'zod';

/** What an unknown means, and for how long it means nothing. */
export const unknownRow = z.strictObject({
  /** Hours for which an unknown counts neither way. */
  graceHours: z.number().min(0).max(8_760).default(24),
  /** What it counts as afterwards. */
  then: z.enum(['warn', 'fail']).default('warn'),
});
