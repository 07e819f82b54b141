import { z } from 'zod';
import { iso } from '../base/clock.ts';
import { COLOUR_REASONS, COLOURS, MAX_DAYS, type Coloured, type TrayStatus } from '../wire/tray.ts';
import type { StateFile } from './state-file.ts';
import { createTurns } from './turns.ts';

/** How the colour has changed, the oldest first; milliseconds. */
export const daysState = () =>
  z.array(z.object({ at: z.number(), colour: z.enum(COLOURS), because: z.enum(COLOUR_REASONS) }));
export type DaysState = z.infer<ReturnType<typeof daysState>>;

const KEPT_MS = 14 * 86_400_000;

/** The days with a change noted, or the very same where there is none. Starting is no state that one would remember. */
export function noted(days: DaysState, { colour, because }: Coloured, now: number): DaysState {
  const last = days.at(-1);
  if (because === 'starting' || (last?.colour === colour && last.because === because)) return days;
  const recent = [...days, { at: now, colour, because }].slice(-MAX_DAYS);
  // The newest of those that are too old says how the first day began.
  const from = recent.findLastIndex(({ at }) => at <= now - KEPT_MS);
  return from > 0 ? recent.slice(from) : recent;
}

/** The last days of this device, for its user. */
export type Days = {
  readonly shown: TrayStatus['days'];
  note(coloured: Coloured, now: number): void;
  /** Returns once what was noted is on disk. */
  flush(): Promise<void>;
};

export async function openDays(file: StateFile<DaysState>): Promise<Days> {
  let days = (await file.read()) ?? [];
  const inTurn = createTurns();
  return {
    get shown() {
      return days.map(({ at, colour, because }) => ({ at: iso(at), colour, because }));
    },
    note(coloured, now) {
      const next = noted(days, coloured, now);
      if (next === days) return;
      days = next;
      // A day that is not kept is told of until the next start; the disk has more important things to take.
      inTurn(() => file.write(next)).catch(() => {});
    },
    flush: () => inTurn(async () => {}),
  };
}
