import type { Actor } from '../base/actors.ts';
import type { Clock } from '../base/clock.ts';

/** How often the clocks are compared, and by how much they have to differ. */
const EVERY_MS = 5_000;
const SLEPT_MS = 20_000;

/**
 * Notices that the computer has slept. While it does, the clock on the wall goes on and timers stand still: a
 * connection looks alive that the other end has long given up, and what was read is old.
 */
export function createWakeWatch(clock: Clock, onWake: () => void, everyMs = EVERY_MS): Actor {
  return {
    name: 'wake',
    async run(signal) {
      while (!signal.aborted) {
        const before = clock.now();
        await clock.sleep(everyMs, signal).catch(() => {});
        if (clock.now() - before > everyMs + SLEPT_MS) onWake();
      }
    },
  };
}
