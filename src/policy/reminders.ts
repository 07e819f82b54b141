import type { Mode, Verdict } from '../wire/decision.ts';
import { gracedUntil } from './grace.ts';

const HOUR_MS = 3_600_000;

/** Hours before a deadline at which the user is reminded, besides at its beginning and half-way. */
const BEFORE_HOURS = [24, 4, 1];

/** The longest that reminders can be put off, however far the deadline is. */
const MAX_SNOOZE_MS = 24 * HOUR_MS;

/** What was told, and what the user has asked for; milliseconds. */
export type Reminded = { remindedAt: number | null; snoozedUntil: number | null };

/** Graces that run now, each from and until when (milliseconds); the first to end comes first. */
export function runningGraces(verdicts: readonly Verdict[], now: number): { from: number; until: number }[] {
  return verdicts
    .flatMap((verdict) => {
      const until = gracedUntil(verdict, now);
      return until === null ? [] : [{ from: Date.parse(verdict.since ?? verdict.until ?? ''), until }];
    })
    .toSorted((a, b) => a.until - b.until);
}

/**
 * Whether the user is to be reminded now, and the next time (milliseconds; Infinity: none) at which that has to be
 * asked again. Reminders that fell into a snooze are made up for by one at its end.
 */
export function reminder(
  graces: readonly { from: number; until: number }[],
  { remindedAt, snoozedUntil }: Reminded,
  now: number,
): { due: boolean; nextAt: number } {
  const times = graces.flatMap(({ from, until }) => reminderTimes(from, until));
  const missed = times.some((time) => time <= now && time > (remindedAt ?? -Infinity));
  const next = Math.min(...times.filter((time) => time > now), Infinity);
  if (snoozedUntil === null || now >= snoozedUntil) return { due: missed, nextAt: next };
  return { due: false, nextAt: missed ? snoozedUntil : Math.max(next, snoozedUntil) };
}

function reminderTimes(from: number, until: number): number[] {
  const times = [from, from + (until - from) / 2, ...BEFORE_HOURS.map((hours) => until - hours * HOUR_MS)];
  return times.filter((time) => time >= from && time < until);
}

/** When a snooze of `ms` from now ends: never after the first deadline. Null where there is nothing to put off. */
export function snoozeUntil(graces: readonly { until: number }[], ms: number, now: number): number | null {
  const first = Math.min(...graces.map(({ until }) => until), Infinity);
  if (first === Infinity) return null;
  return Math.min(now + Math.max(0, Math.min(ms, MAX_SNOOZE_MS)), first);
}

/** What the user is told of deadlines. Nobody is told anything while the policy is only observed. */
export function tell(memory: Reminded, verdicts: readonly Verdict[], mode: Mode, now: number) {
  const graces = runningGraces(verdicts, now);
  const { snoozedUntil } = memory;
  const { due, nextAt } = reminder(mode === 'observe' ? [] : graces, memory, now);
  const remindedAt = due ? now : memory.remindedAt;
  const [first] = graces;
  const words = {
    deadline: first === undefined ? null : new Date(first.until).toISOString(),
    remindedAt: first === undefined || remindedAt === null ? null : new Date(remindedAt).toISOString(),
    snoozedUntil: snoozedUntil === null || snoozedUntil <= now ? null : new Date(snoozedUntil).toISOString(),
  };
  return { due, nextAt, remindedAt, words };
}
