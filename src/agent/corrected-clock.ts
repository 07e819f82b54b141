import { z } from 'zod';
import { systemClock, type Clock } from '../base/clock.ts';
import type { StateFile } from './state-file.ts';

export const clockState = () =>
  z.object({
    /** Milliseconds to add to the system's clock. */
    offsetMs: z.number(),
  });

export type ClockState = z.infer<ReturnType<typeof clockState>>;

/** Differences below this are the network's delay, not worth a correction. */
const TOLERANCE_MS = 2_000;

/** The clock as the server has it. `now` is right even where the device's own clock is hours off. */
export type CorrectedClock = Clock & {
  /** Milliseconds by which the system's clock was found to be behind (positive) or ahead (negative). */
  offsetMs(): number;
  /** The system's own clock. */
  uncorrected(): number;
  /**
   * Takes the server's time (milliseconds) in its answer to what was asked when `uncorrected()` said `askedAt`; true when
   * that changed ours. What would fit any moment in between changes nothing: a computer that sleeps before it reads the
   * answer finds an old one.
   */
  correct(serverNow: number, askedAt: number): boolean;
};

/** Starts from the correction that the last run had found, so that reports made before connecting carry it too. */
export async function openCorrectedClock(
  file: StateFile<ClockState>,
  base: Clock = systemClock,
): Promise<CorrectedClock> {
  let offset = (await file.read())?.offsetMs ?? 0;
  return {
    now: () => base.now() + offset,
    monotonic: () => base.monotonic(),
    sleep: (ms, signal) => base.sleep(ms, signal),
    offsetMs: () => offset,
    uncorrected: () => base.now(),
    correct(serverNow, askedAt) {
      const [least, most] = [serverNow - base.now(), serverNow - askedAt];
      // Set back in the meantime: the next answer will tell.
      if (most < least) return false;
      const found = Math.min(Math.max(offset, least), most);
      if (Math.abs(found - offset) < TOLERANCE_MS) return false;
      offset = Math.abs(found) < TOLERANCE_MS ? 0 : found;
      // A correction that is not kept is found again on the next connection.
      file.write({ offsetMs: offset }).catch(() => {});
      return true;
    },
  };
}
