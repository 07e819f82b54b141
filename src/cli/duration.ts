import { UsageError } from './usage-error.ts';

const UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export const DAY_MS = UNITS_MS.d;

/** Milliseconds of `90m`, `24h` or `7d`, from a minute to `maxMs`. `option` is what it was given with. */
export function durationMs(text: string, option: string, maxMs: number): number {
  const [, count, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined)
    throw new UsageError(`${option} is a time such as 90m, 24h or 7d.`);
  const ms = Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  if (ms >= UNITS_MS.m && ms <= maxMs) return ms;
  throw new UsageError(`${option} is at least a minute and at most ${maxMs / DAY_MS} days.`);
}
