import { messageOf } from '../base/errors.ts';
import type { CheckId } from '../../collectors/specs.ts';
import type { Clock } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { FixId, FixMeans, TrayRequest, TrayStatus } from '../wire/tray.ts';
import type { Bell } from './bell.ts';
import { FIXED, ONLY_BEGUN, type Fixer } from './fixes.ts';
import type { Refusal, TrayDesk } from './tray-gate.ts';

export type DeskParts = {
  status(): TrayStatus;
  changed: Bell<void>;
  clock: Clock;
  /** Reads one check, or all, anew; resolves with the report's id once the device has judged it. */
  read(check: CheckId | null): Promise<string>;
  /** Resolves once the server has the report, or cannot be asked, or after a while. */
  reported(id: string): Promise<void>;
  /** Puts reminders off; false where there is nothing to put off. */
  snooze(hours: number): boolean;
  /** Brings the VPN up. Rejects with a sentence where it does not come up. */
  reconnect(): Promise<unknown>;
  fixer: Fixer;
};

/** A whole collection takes a minute at the most. */
const READ_MS = 75_000;

export function createDesk(parts: DeskParts): TrayDesk {
  const { status, changed } = parts;
  /** One fix at a time, and one connection attempt. */
  const busy = new Set<string>();
  const alone = async (
    what: string,
    work: () => Promise<Result<string | null, Refusal>>,
  ): Promise<Result<string | null, Refusal>> => {
    if (busy.has(what)) return refuse('busy', 'This is being done already.');
    busy.add(what);
    try {
      return await work();
    } catch (error) {
      return refuse('failed', messageOf(error));
    } finally {
      busy.delete(what);
    }
  };
  return {
    status,
    changed,
    act(request) {
      switch (request.verb) {
        case 'recheck':
          return recheck(parts, request.check ?? null);
        case 'snooze':
          return snooze(parts, request);
        case 'reconnect':
          return alone('reconnect', () => reconnect(parts));
        case 'fix':
          return alone('fix', () => fix(parts, request.fix));
      }
    },
  };
}

function refuse(code: Refusal['code'], text: string): Result<never, Refusal> {
  return err({ code, text: text.slice(0, 1_000) });
}

async function recheck(parts: DeskParts, check: CheckId | null): Promise<Result<null, Refusal>> {
  try {
    const id = await within(parts, READ_MS, parts.read(check));
    if (id === null) return refuse('timeout', 'Reading took too long; the next regular check will tell.');
    await parts.reported(id);
    return ok(null);
  } catch (error) {
    return refuse('failed', messageOf(error));
  }
}

async function within<T>({ clock }: DeskParts, ms: number, work: Promise<T>): Promise<T | null> {
  const control = new AbortController();
  const late = clock.sleep(ms, control.signal).then(
    () => null,
    () => null,
  );
  try {
    return await Promise.race([work, late]);
  } finally {
    control.abort();
  }
}

async function snooze(
  parts: DeskParts,
  { hours }: Extract<TrayRequest, { verb: 'snooze' }>,
): Promise<Result<null, Refusal>> {
  if (parts.snooze(hours)) return ok(null);
  return refuse('nothing-to-snooze', 'Nothing has a deadline, so there are no reminders to put off.');
}

async function reconnect(parts: DeskParts): Promise<Result<null, Refusal>> {
  const { vpn, decision } = parts.status();
  switch (vpn?.reconnect) {
    case 'held':
      return refuse('held', vpn.held[0]?.reason ?? 'This computer is isolated.');
    case 'denied':
      return refuse('held', decision?.sentence ?? 'Access is denied.');
    case 'connected':
      return ok(null);
    case 'possible':
      await parts.reconnect();
      return ok(null);
    default:
      return refuse('unsupported', 'On this computer the VPN is connected in its own settings.');
  }
}

/** Only what is offered for a problem there is; what was done is read again, since only that shows whether it helped. */
async function fix(parts: DeskParts, id: FixId): Promise<Result<string | null, Refusal>> {
  const offered = parts.status().problems.flatMap(({ fixes }) => fixes);
  if (!offered.some((one) => one.fix === id))
    return refuse('not-offered', 'This is not offered here and now.');
  const done: Result<FixMeans, string> = await parts.fixer.apply(id);
  if (!done.ok) return refuse('failed', done.error);
  const { check, reasons } = FIXED[id];
  if (ONLY_BEGUN.has(id)) return ok(null);
  const read = await recheck(parts, check);
  if (!read.ok) return read;
  const left = parts.status().problems.find((one) => one.check === check && reasons.includes(one.reason));
  if (left === undefined) return ok(null);
  return refuse('failed', `It was done, but has not helped: found ${left.given}.`);
}
