import { z } from 'zod';
import { defineCheck } from '../check.ts';

/** Matches of the policy's watch-list only; the list of running programs never leaves the machine. */
const processesFact = () =>
  z.object({
    matches: z.array(z.object({ rule: z.string(), count: z.number().int().nonnegative() })).max(200),
  });

export const processes = defineCheck({
  id: 'processes',
  version: 1,
  timeoutMs: 5_000,
  collects: 'Whether a program on your company’s watch-list is running; no other program is reported.',
  fact: processesFact,
  reasons: ['process-watched'],
});
