import { z } from 'zod';
import { checkIds, type Readings } from '../../collectors/specs.ts';
import type { Logger } from '../base/log.ts';
import { checkTimes } from '../policy/check-times.ts';
import type { UnknownSince } from '../policy/judge.ts';
import { isWhole } from '../policy/tags.ts';
import type { StateFile } from './state-file.ts';

/** When each check was last known here, and when it was first asked; milliseconds by the corrected clock. */
export const checkTimesState = () =>
  z.object({ knownAt: checkTimes.default({}), askedAt: checkTimes.default({}) });

export type CheckTimesState = z.infer<ReturnType<typeof checkTimesState>>;

/** From when an unknown counts, by what this device has seen itself: the server says it of lasting ones only. */
export type CheckTimes = {
  now(): CheckTimesState;
  /** Takes what was read at `now`. At once for who asks; resolves when it is on disk, too. Never rejects. */
  note(readings: Readings, now: number): Promise<void>;
};

export async function openCheckTimes(file: StateFile<CheckTimesState>, log: Logger): Promise<CheckTimes> {
  let held = (await file.read()) ?? { knownAt: {}, askedAt: {} };
  let last = Promise.resolve();
  return {
    now: () => held,
    note(readings, now) {
      held = withRead(held, readings, now);
      const noted = held;
      last = last
        .then(() => file.write(noted))
        .catch((error: unknown) =>
          log.warn({ err: error }, 'when checks were last known could not be written; a restart forgets it'),
        );
      return last;
    },
  };
}

function withRead({ knownAt, askedAt }: CheckTimesState, readings: Readings, now: number): CheckTimesState {
  const whole = checkIds.filter((id) => isWhole(id, readings[id]));
  const asked = checkIds.filter((id) => askedAt[id] === undefined);
  return {
    knownAt: { ...knownAt, ...Object.fromEntries(whole.map((id) => [id, now])) },
    askedAt: { ...askedAt, ...Object.fromEntries(asked.map((id) => [id, now])) },
  };
}

/**
 * Whoever saw it known later is right. Of a check that was never known here the server knows more: this installation
 * may be younger than the device.
 */
export function datedBy({ knownAt, askedAt }: CheckTimesState, told: UnknownSince = {}): UnknownSince {
  const since: UnknownSince = {};
  for (const id of checkIds) {
    const [own, server] = [knownAt[id], told[id]];
    const time = own === undefined ? (server ?? askedAt[id]) : Math.max(own, server ?? own);
    if (time !== undefined) since[id] = time;
  }
  return since;
}
