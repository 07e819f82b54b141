import { z } from 'zod';
import type { Courses, UnknownFrom } from './course.ts';
import type { Reminded } from './reminders.ts';

/** What has to be remembered of a device from one decision to the next. */
export type Memory = Reminded & { courses: Courses; unknown: UnknownFrom };

export const NO_MEMORY: Memory = { courses: {}, unknown: {}, remindedAt: null, snoozedUntil: null };

const time = z.number();
const course = z.object({
  level: z.enum(['pass', 'warn', 'fail']),
  levelSince: time,
  since: time,
  failedAt: time.nullable(),
  spent: z.boolean(),
});
const memory = z.object({
  courses: z.record(z.string(), course),
  unknown: z.record(z.string(), time).default({}),
  remindedAt: time.nullable(),
  snoozedUntil: time.nullable(),
});

/** Reads what another version may have written: what does not fit is as good as none. */
export function parseMemory(value: unknown): Memory {
  const parsed = memory.safeParse(value);
  return parsed.success ? parsed.data : NO_MEMORY;
}
