/** Why something could not be read. An unknown is an answer of its own: never a pass, never a fail. */
export const WHYS = [
  'unsupported',
  'not-applicable',
  'denied',
  'timeout',
  'not-installed',
  'failed',
  'unparsable',
] as const;

/**
 * - `unsupported`: this agent cannot read it on this system
 * - `not-applicable`: the question makes no sense here (screen lock with nobody logged in); never judged
 * - `denied`: the system refused for lack of rights
 * - `timeout`: no answer within the check's time
 * - `not-installed`: the program or feature that would answer is not there
 * - `failed`: it was asked and reported an error of its own
 * - `unparsable`: it answered something that we do not understand
 */
export type Why = (typeof WHYS)[number];

export type Known<F> = { state: 'known'; fact: F; at: string; tookMs: number };
export type Unknown = { state: 'unknown'; why: Why; detail: string; at: string };

/** A fact with the time it was observed (ISO 8601, UTC) and what it cost (ms), or unknown with a reason. */
export type Reading<F> = Known<F> | Unknown;

/** What a reader or parser answers: a reading before anyone looked at the clock. */
export type Observed<F> = { state: 'known'; fact: F } | { state: 'unknown'; why: Why; detail: string };

const MAX_DETAIL = 300;

export function known<F>(fact: F): Observed<F> {
  return { state: 'known', fact };
}

/** `detail` is one line for a person: which source was asked and what it said. Longer text is cut at 300 characters. */
export function unknown(why: Why, detail: string): Extract<Observed<never>, { state: 'unknown' }> {
  return { state: 'unknown', why, detail: oneLine(detail) };
}

/** Puts the time on what was observed. `at` is ISO 8601 in UTC, `tookMs` milliseconds. */
export function stamp<F>(observed: Observed<F>, at: string, tookMs: number): Reading<F> {
  return observed.state === 'known' ? { ...observed, at, tookMs } : { ...observed, at };
}

function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > MAX_DETAIL ? `${line.slice(0, MAX_DETAIL - 1)}…` : line;
}
