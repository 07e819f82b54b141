import { z } from 'zod';
import { iso } from '../base/clock.ts';
import { parseJson } from '../base/json.ts';
import type { Policy } from '../policy/policy.ts';
import type { Decision } from '../wire/decision.ts';
import { isCut, type Decided } from './decide.ts';

type Limits = Policy['breaker'];

const state = z.object({
  /** When it began to hold devices at restrict; null while it does not. */
  trippedAt: z.number().nullable(),
  /** Until when nothing is held, because a person has confirmed; null where nobody has. */
  openUntil: z.number().nullable(),
});

/** What outlives the process. Times are milliseconds. */
export type BreakerState = z.infer<typeof state>;

export const BREAKER_AT_REST: BreakerState = { trippedAt: null, openUntil: null };

export function parseBreaker(json: string | null): BreakerState {
  const parsed = state.safeParse(json === null ? null : parseJson(json));
  return parsed.success ? parsed.data : BREAKER_AT_REST;
}

/** One device about which has just been decided, before anything is in force. */
export type Pending = {
  id: string;
  decided: Pick<Decided, 'decision' | 'severe'>;
  previous: Decision | null;
};

/**
 * Holds back what looks like our own mistake: more devices losing access at once than the policy believes. Counts
 * those that newly lose it within the policy's minutes; beyond the limit these and all that follow are held, until
 * a person confirms.
 */
export type Breaker = {
  state(): BreakerState;
  /** Puts another state in force: what is on disk, or what a person has confirmed. */
  set(state: BreakerState): void;
  /** A state that it has come to by itself and that is not on disk yet; null where there is none. */
  unsaved(): BreakerState | null;
  /** To be called after the commit of what `unsaved` said. */
  saved(state: BreakerState): void;
  /** Nobody is held any more: whatever it was, it is over. */
  reset(): void;
  /** Counts a whole round before any of it is in force; true when that has tripped it. */
  expect(round: readonly Pending[], fleet: number, limits: Limits, now: number): boolean;
  /** Counts one device, and says whether it is held. */
  holds(pending: Pending, fleet: number, limits: Limits, now: number): boolean;
  /** Devices that lost access shortly before it tripped: they are to be judged again. Answers once. */
  takeWave(): string[];
  /** One that counts on from here by itself, to try something out: nothing that it sees is counted by this one. */
  copy(): Breaker;
};

const MINUTE_MS = 60_000;

export function createBreaker(initial: BreakerState = BREAKER_AT_REST): Breaker {
  return breakerFrom(initial, new Map());
}

/** `recent`: devices that have newly lost access, and when. */
function breakerFrom(initial: BreakerState, recent: Map<string, number>): Breaker {
  let current = initial;
  let onDisk = initial;
  let wave: string[] = [];
  const trip = (now: number) => {
    current = { trippedAt: now, openUntil: null };
    wave = [...recent.keys()];
  };
  const isOpen = (now: number) => current.openUntil !== null && now < current.openUntil;
  return {
    state: () => current,
    set(next) {
      current = next;
      onDisk = next;
      recent.clear();
    },
    unsaved: () => (current === onDisk ? null : current),
    saved: (state) => void (onDisk = state),
    reset() {
      current = BREAKER_AT_REST;
      recent.clear();
    },
    expect(round, fleet, limits, now) {
      if (current.trippedAt !== null || isOpen(now)) return false;
      const fresh = round.filter((one) => isNewlyCut(one) && !recent.has(one.id)).length;
      forgetOld(recent, now - limits.minutes * MINUTE_MS);
      if (!isTooMany(recent.size + fresh, fleet, limits)) return false;
      trip(now);
      return true;
    },
    holds(pending, fleet, limits, now) {
      if (!isCut(pending.decided.decision.access) || pending.decided.severe) {
        recent.delete(pending.id);
        return false;
      }
      if (current.trippedAt !== null) return isOfWave(pending, current.trippedAt, limits);
      if (isOpen(now) || !isNewlyCut(pending)) return false;
      recent.set(pending.id, now);
      forgetOld(recent, now - limits.minutes * MINUTE_MS);
      if (!isTooMany(recent.size, fleet, limits)) return false;
      trip(now);
      return true;
    },
    takeWave() {
      const taken = wave;
      wave = [];
      return taken;
    },
    copy: () => breakerFrom(current, new Map(recent)),
  };
}

function isNewlyCut({ decided, previous }: Pending): boolean {
  return isCut(decided.decision.access) && !decided.severe && !isCut(previous?.access);
}

/** Those that have lost access since shortly before it tripped; who had lost it earlier is not let in again. */
function isOfWave({ previous }: Pending, trippedAt: number, limits: Limits): boolean {
  if (previous === null || !isCut(previous.access)) return true;
  return Date.parse(previous.since) >= trippedAt - limits.minutes * MINUTE_MS;
}

function isTooMany(count: number, fleet: number, { percent, devices }: Limits): boolean {
  return count >= devices && count > (fleet * percent) / 100;
}

function forgetOld(recent: Map<string, number>, before: number): void {
  for (const [id, at] of recent) if (at < before) recent.delete(id);
}

/** One sentence for logs, and for whoever asks. */
export function breakerSentence({ trippedAt, openUntil }: BreakerState, held: number, now: number): string {
  if (trippedAt !== null) {
    return `Holds ${held} ${held === 1 ? 'device' : 'devices'} at restrict since ${iso(trippedAt)}: too many would have lost access at once. Look into it, then confirm: drawbridge-server breaker confirm`;
  }
  return openUntil !== null && now < openUntil
    ? `Confirmed: nothing is held until ${iso(openUntil)}.`
    : 'At rest: nothing is held.';
}
