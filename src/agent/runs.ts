import { z } from 'zod';
import type { StateFile } from './state-file.ts';

export const runsState = z.object({
  /** Set while an agent runs; still set at the next start, it tells that the last run did not end cleanly. */
  running: z.boolean(),
  crashes: z.number().int().nonnegative(),
});

export type RunsState = z.infer<typeof runsState>;

/** Notes that a run begins. Returns how many runs did not end cleanly, and the way to note a clean end. */
export async function beginRun(
  file: StateFile<RunsState>,
): Promise<{ crashes: number; endCleanly(): Promise<void> }> {
  const before = (await file.read()) ?? { running: false, crashes: 0 };
  const crashes = before.crashes + (before.running ? 1 : 0);
  const note = (running: boolean) => file.write({ running, crashes }).catch(() => {});
  await note(true);
  return { crashes, endCleanly: () => note(false) };
}
