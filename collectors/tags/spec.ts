import { z } from 'zod';
import { WHYS } from '../../src/base/reading.ts';
import { defineCheck } from '../check.ts';

/** Answers to the policy's own yes-or-no questions (a file exists, a service runs), by tag. */
const tagsFact = () =>
  z.record(z.string().max(100), z.union([z.boolean(), z.object({ unknown: z.enum(WHYS) })]));

export const tags = defineCheck({
  id: 'tags',
  version: 1,
  timeoutMs: 10_000,
  collects: 'Answers, yes or no, to the extra questions that your company’s policy lists.',
  fact: tagsFact,
  reasons: ['tag-not-met', 'expression-not-met', 'expression-unknown'],
});
