import type { CheckId, Readings } from '../../collectors/specs.ts';
import { messageOf } from '../base/errors.ts';

/*
 * What expressions answer, which must keep what nobody knows from becoming true or false.
 */

/** Longer lists and texts of a device are left out, so that asking for them is unknown. */
export const MAX_LIST = 100;
const MAX_TEXT = 1_000;
const MAX_DEPTH = 6;

/** An expression that was read: it throws where it asks for what is not there. */
export type Runnable = { run: (context: Record<string, unknown>) => unknown; asks: readonly CheckId[] };

/** `when` is null for what is judged everywhere. */
type Read = { when: Runnable | null; expr: Runnable };

/** By the policy's own object: held for as long as that policy is, and not by a copy of it. */
const read = new WeakMap<object, Read>();

/** Keeps what reading an expression of a policy has made of it. */
export function keepRead(expression: object, made: Read): void {
  read.set(expression, made);
}

/** What was kept of it; null for one that was not read with a policy. */
export function readOf(expression: object): Read | null {
  return read.get(expression) ?? null;
}

/** A check's fact under its own name, with underscores: `os_version.family`. */
export function variableOf(id: CheckId): string {
  return id.replaceAll('-', '_');
}

export type Answer =
  | { state: 'true' | 'false' }
  /** `of` are the checks that are unknown. */
  | { state: 'unknown'; why: string; of: readonly CheckId[] }
  /** A check that it asks about makes no sense on this device. */
  | { state: 'not-applicable' };

/** Pure; `now` is in milliseconds. Whatever it asks of an unknown, its answer is unknown. */
export function answer({ run, asks }: Runnable, readings: Partial<Readings>, now: number): Answer {
  const context: Record<string, unknown> = { now: new Date(now) };
  const open: CheckId[] = [];
  for (const id of asks) {
    const reading = readings[id];
    if (reading?.state === 'unknown' && reading.why === 'not-applicable') return { state: 'not-applicable' };
    if (reading?.state === 'known') context[variableOf(id)] = plain(reading.fact, 0) ?? {};
    else open.push(id);
  }
  if (open.length > 0) return { state: 'unknown', why: `${open.join(', ')} not known`, of: open };
  return evaluated(run, context, asks);
}

function evaluated(run: Runnable['run'], context: Record<string, unknown>, asks: readonly CheckId[]): Answer {
  try {
    const value = run(context);
    if (typeof value === 'boolean') return { state: value ? 'true' : 'false' };
    return { state: 'unknown', why: 'it answers neither true nor false', of: asks };
  } catch (error) {
    return {
      state: 'unknown',
      why: wordsFor(error),
      of: asks,
    };
  }
}

function wordsFor(error: unknown): string {
  const message = firstLine(messageOf(error));
  const key = /^No such key: (.+)$/.exec(message)?.[1];
  return key === undefined ? message : `what it calls "${key}" is not known here`;
}

/**
 * A fact as CEL has it: whole numbers are ints. What a system could not say (null), or a tag that is unknown, is not
 * there, so that asking for it is an error, and `has()` false.
 */
function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'string') return value.length > MAX_TEXT ? undefined : value;
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'object' || value === null || depth >= MAX_DEPTH) return undefined;
  if (Array.isArray(value)) return plainList(value, depth);
  if (isUnknownTag(value)) return undefined;
  const entries = Object.entries(value).flatMap(([key, one]) => {
    const made = plain(one, depth + 1);
    return made === undefined ? [] : [[key, made] as const];
  });
  return Object.fromEntries(entries);
}

function plainList(list: readonly unknown[], depth: number): unknown {
  if (list.length > MAX_LIST) return undefined;
  const made = list.map((one) => plain(one, depth + 1));
  return made.includes(undefined) ? undefined : made;
}

function isUnknownTag(value: object): boolean {
  return 'unknown' in value && Object.keys(value).length === 1;
}

/** The first line of what an expression's reader or runner says. */
export function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200);
}
