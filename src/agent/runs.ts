import { z } from 'zod';
import type { StateFile } from './state-file.ts';

export const runsState = () =>
  z.object({
    /** Set while an agent runs; still set at the next start, it tells that the last run did not end cleanly. */
    running: z.boolean(),
    crashes: z.number().int().nonnegative(),
    /** Of those, the last ones without a run in between that lasted. */
    inRow: z.number().int().nonnegative().default(0),
  });

export type RunsState = z.infer<ReturnType<typeof runsState>>;

export type BegunRun = {
  crashes: number;
  /** Milliseconds to wait before any reading, so that a crash at every start does not wear the computer down. */
  waitMs: number;
  /** Once this run has lasted, the next crash is a first one again. */
  hasLasted(): Promise<void>;
  endCleanly(): Promise<void>;
};

/** Milliseconds after which a run has lasted. */
export const LASTING_MS = 10 * 60_000;

const FIRST_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 5 * 60_000;

/** Notes that a run begins, and how many before it did not end cleanly. */
export async function beginRun(
  file: StateFile<RunsState>,
  backOff: (crashesInRow: number) => number = waitAfter,
): Promise<BegunRun> {
  const before = (await file.read()) ?? { running: false, crashes: 0, inRow: 0 };
  const crashes = before.crashes + (before.running ? 1 : 0);
  const inRow = before.running ? before.inRow + 1 : 0;
  const note = (running: boolean, row: number) =>
    file.write({ running, crashes, inRow: row }).catch(() => {});
  await note(true, inRow);
  return {
    crashes,
    waitMs: backOff(inRow),
    hasLasted: () => note(true, 0),
    endCleanly: () => note(false, 0),
  };
}

/** One crash may happen; from the second in a row on, each waits twice as long. */
export function waitAfter(crashesInRow: number): number {
  if (crashesInRow < 2) return 0;
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (crashesInRow - 2));
}
