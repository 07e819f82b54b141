import { z } from 'zod';
import type { TrayProblem, TrayStatus } from '../wire/tray.ts';
import { patienceOf } from './patience.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Between two notifications of whatever kind; only access that is being paused does not wait for it. */
export const GAP_MS = HOUR_MS;
/** Between two notifications that access is paused: a server that cannot make up its mind is no reason to shout. */
export const PAUSE_GAP_MS = 10 * MINUTE_MS;

/**
 * What a person is to be told.
 * - `problem`: something to mend
 * - `paused`: the VPN was taken away just now; told once, even to somebody who wants quiet
 * - `restored`: it is back, after somebody was told that it was gone
 */
export type Prompt =
  | { kind: 'problem'; problem: TrayProblem }
  | { kind: 'paused'; problem: TrayProblem | null; key: string }
  | { kind: 'restored' };

const ms = z.number().nonnegative();

/** What was seen and told, so that neither a restart nor a flap tells it again. Milliseconds of the agent's clock. */
export const promptMemory = z.object({
  /** By problem: since when it is seen here, and when it was last told of. */
  problems: z.record(z.string().max(200), z.object({ seenAt: ms, toldAt: ms.nullable() })),
  /** The pause that the person knows of; null where access is as usual, or nobody was told. */
  pause: z.string().max(200).nullable(),
  lastToldAt: ms.nullable(),
  /** Which problem the notification on the screen is about. */
  showing: z.string().max(200).nullable(),
});

export type PromptMemory = z.infer<typeof promptMemory>;

export const NOTHING_TOLD: PromptMemory = { problems: {}, pause: null, lastToldAt: null, showing: null };

/** The name under which the notification of a pause, or of its end, is remembered. */
const ACCESS = 'access';

/** A step's outcome: what is due, if anything, and whether what is on the screen has had its time. */
export type Step = { memory: PromptMemory; due: Prompt | null; withdraw: boolean };

/**
 * Looks at the status and says what is due at `now`. Nothing is told here: `shown` takes note of what was. The
 * caller asks whether the person is busy only when something is due.
 */
export function step(before: PromptMemory, status: TrayStatus, now: number): Step {
  const memory = seen(before, status.problems, now);
  const due = status.quiet
    ? null
    : (paused(memory, status, now) ?? restored(memory, status) ?? reminder(memory, status, now));
  const isOver = memory.showing !== null && memory.showing !== ACCESS && !(memory.showing in memory.problems);
  if (!isOver) return { memory, due, withdraw: false };
  return { memory: { ...memory, showing: null }, due, withdraw: true };
}

/** Whether it is told to somebody who wants quiet, or may want it (`null`: that cannot be known). */
export function mayShow(due: Prompt, isQuiet: boolean | null): boolean {
  return due.kind === 'paused' || isQuiet !== true;
}

/** Takes note that it was told at `now`. */
export function shown(memory: PromptMemory, due: Prompt, now: number): PromptMemory {
  const next = { ...memory, lastToldAt: now };
  if (due.kind === 'restored') return { ...next, pause: null, showing: ACCESS };
  const key = due.problem === null ? null : keyOf(due.problem);
  const told = key === null ? next : { ...next, problems: touched(next.problems, key, now) };
  return due.kind === 'paused' ? { ...told, pause: due.key, showing: ACCESS } : { ...told, showing: key };
}

export function keyOf({ check, reason }: TrayProblem): string {
  return `${check} ${reason}`;
}

/** Problems that are gone are forgotten; a clock that was set back leaves nothing in the future. */
function seen(memory: PromptMemory, problems: readonly TrayProblem[], now: number): PromptMemory {
  const known = problems.map((problem) => {
    const old = memory.problems[keyOf(problem)];
    const since = problem.since === null ? now : Date.parse(problem.since);
    const seenAt = Math.min(old?.seenAt ?? now, since, now);
    const toldAt = old?.toldAt ?? null;
    return [
      keyOf(problem),
      { seenAt: Math.max(0, seenAt), toldAt: toldAt === null ? null : Math.min(toldAt, now) },
    ];
  });
  const last = memory.lastToldAt;
  return {
    ...memory,
    problems: Object.fromEntries(known) as PromptMemory['problems'],
    lastToldAt: last === null ? null : Math.min(last, now),
  };
}

function touched(problems: PromptMemory['problems'], key: string, now: number): PromptMemory['problems'] {
  return { ...problems, [key]: { seenAt: problems[key]?.seenAt ?? now, toldAt: now } };
}

const PAUSES: ReadonlySet<string> = new Set(['access-paused', 'vpn-held', 'isolated']);

function paused(memory: PromptMemory, status: TrayStatus, now: number): Prompt | null {
  if (!PAUSES.has(status.because) || memory.pause !== null) return null;
  if (memory.lastToldAt !== null && memory.showing === ACCESS && now < memory.lastToldAt + PAUSE_GAP_MS)
    return null;
  return { kind: 'paused', problem: status.problems[0] ?? null, key: status.because };
}

/** Only what is known to be well again counts: an agent that is silent or starting says nothing of access. */
function restored(memory: PromptMemory, { colour }: TrayStatus): Prompt | null {
  return memory.pause !== null && (colour === 'green' || colour === 'amber') ? { kind: 'restored' } : null;
}

/** The first problem alone is reminded of: the page has the list. */
function reminder(memory: PromptMemory, status: TrayStatus, now: number): Prompt | null {
  if (memory.lastToldAt !== null && now < memory.lastToldAt + GAP_MS) return null;
  const reasons = new Set<string>(status.problems.map(({ reason }) => reason));
  const problem = status.problems.find((one) => isWorthTelling(one) && !isMerged(one, reasons));
  if (problem === undefined || now < dueAt(memory, problem, status)) return null;
  return { kind: 'problem', problem };
}

/** What nobody could read is told of only where it will have a consequence. */
function isWorthTelling({ level, deadline }: TrayProblem): boolean {
  return level !== 'unknown' || deadline !== null;
}

/** One cause, one notification: mending the other problem mends this one too. */
function isMerged({ reason }: TrayProblem, all: ReadonlySet<string>): boolean {
  return patienceOf(reason).unless.some((other) => all.has(other));
}

/** The moment (milliseconds) from which it may be told of; Infinity: never again by itself. */
function dueAt(memory: PromptMemory, problem: TrayProblem, status: TrayStatus): number {
  const deadline = problem.deadline === null ? null : Date.parse(problem.deadline);
  const { seenAt = 0, toldAt = null } = memory.problems[keyOf(problem)] ?? {};
  const next =
    toldAt === null ? firstAt(problem, seenAt, deadline) : nextAt(toldAt, deadline, status.colour === 'red');
  return Math.max(next, snoozeEnd(problem, deadline));
}

/** Later than at once, so that what mends itself bothers nobody, and in time before the deadline. */
function firstAt({ reason }: TrayProblem, seenAt: number, deadline: number | null): number {
  const ready = seenAt + patienceOf(reason).afterMinutes * MINUTE_MS;
  return deadline === null ? ready : Math.min(ready, Math.max(seenAt, deadline - 2 * HOUR_MS));
}

/** Where the deadline is months away and it was told at a bad moment, a day later is soon enough. */
function nextAt(toldAt: number, deadline: number | null, isRed: boolean): number {
  if (deadline === null) return isRed ? toldAt + DAY_MS : Infinity;
  if (toldAt >= deadline) return toldAt + DAY_MS;
  const left = deadline - toldAt;
  // A reminder of the calmer pace that falls into the last days keeps to the pace of those days.
  if (left <= DAY_MS) return Math.min(toldAt + 2 * HOUR_MS, Math.max(deadline, toldAt + GAP_MS));
  if (left <= 3 * DAY_MS)
    return Math.min(toldAt + DAY_MS / 2, Math.max(deadline - DAY_MS, toldAt + 2 * HOUR_MS));
  return Math.min(toldAt + DAY_MS, Math.max(deadline - 3 * DAY_MS, toldAt + DAY_MS / 2));
}

/** A snooze ends at the deadline at the latest, whoever says otherwise. */
function snoozeEnd({ snoozedUntil }: TrayProblem, deadline: number | null): number {
  if (snoozedUntil === null) return -Infinity;
  return Math.min(Date.parse(snoozedUntil), deadline ?? Infinity);
}
