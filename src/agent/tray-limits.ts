import type { Clock } from '../base/clock.ts';
import type { TrayVerb } from '../wire/tray.ts';

/** How often one user may ask for each thing: so many at once, and one more every so many milliseconds. */
const ALLOWANCES: Record<TrayVerb, { burst: number; everyMs: number }> = {
  status: { burst: 30, everyMs: 500 },
  recheck: { burst: 10, everyMs: 5_000 },
  snooze: { burst: 5, everyMs: 10_000 },
  reconnect: { burst: 3, everyMs: 20_000 },
  fix: { burst: 3, everyMs: 20_000 },
};

/** Says of each request whether it is one too many. Users who have not asked for long are forgotten. */
export type Limits = { take(user: string, verb: TrayVerb): boolean };

/** Users who are remembered; more than there are doors. */
const MAX_REMEMBERED = 1_000;

export function createLimits(clock: Pick<Clock, 'monotonic'>): Limits {
  /** When the last allowance that was taken will have come back (monotonic milliseconds). */
  const spent = new Map<string, number>();
  return {
    take(user, verb) {
      const { burst, everyMs } = ALLOWANCES[verb];
      const key = `${user} ${verb}`;
      const now = clock.monotonic();
      const full = Math.max(now, spent.get(key) ?? 0) + everyMs;
      if (full - now > burst * everyMs) return false;
      if (spent.size >= MAX_REMEMBERED) spent.clear();
      spent.set(key, full);
      return true;
    },
  };
}
