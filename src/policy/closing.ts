import { z } from 'zod';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const clockTime = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'has to be a time such as 22:30');

const timezone = z
  .string()
  .max(64)
  .refine(isTimezone, { message: 'has to be a time zone such as Europe/Berlin, or UTC' });

const window = z.strictObject({
  /** The days on which it begins. */
  days: z
    .array(z.enum(DAYS))
    .min(1)
    .default([...DAYS]),
  /** A window whose end is not after its beginning reaches into the next day. */
  from: clockTime,
  to: clockTime,
  timezone: timezone.default('UTC'),
});

export type MaintenanceWindow = z.infer<typeof window>;

/** What the server does about L2TP servers on devices, and what it asks for before anybody closes one. */
export const closing = z.strictObject({
  /** Closed without anybody's order: those that come back after they were closed, or all that nobody has accepted. */
  close: z.enum(['never', 'reappeared', 'found']).default('never'),
  /** How the server closes by itself. */
  way: z.enum(['service', 'firewall']).default('service'),
  /** Every rollout waits for: drawbridge-server l2tp-server approve. */
  approval: z.boolean().default(false),
  /** Devices are ordered within it only; null: at any time. */
  window: window.nullable().default(null),
});

/** Whether `now` (milliseconds) is within the window; without one it always is. */
export function isWithin(limits: MaintenanceWindow | null, now: number): boolean {
  if (limits === null) return true;
  const { day, minute } = localTime(now, limits.timezone);
  const [from, to] = [minutesOf(limits.from), minutesOf(limits.to)];
  const begins = (index: number) => limits.days.includes(DAYS[(index + DAYS.length) % DAYS.length] ?? 'mon');
  if (from < to) return begins(day) && minute >= from && minute < to;
  return (begins(day) && minute >= from) || (begins(day - 1) && minute < to);
}

/** The day of the week (0: Monday) and the minute of the day. */
function localTime(now: number, timeZone: string): { day: number; minute: number } {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const parts = new Map(format.formatToParts(now).map(({ type, value }) => [type, value]));
  const day = DAYS.findIndex((name) => name === parts.get('weekday')?.toLowerCase());
  return { day, minute: minutesOf(`${parts.get('hour')}:${parts.get('minute')}`) };
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

function isTimezone(name: string): boolean {
  try {
    Intl.DateTimeFormat('en-GB', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
