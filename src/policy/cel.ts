import { Environment, type ParseResult } from '@marcbachmann/cel-js';
import { messageOf } from '../base/errors.ts';
import { checkIds, type CheckId, type Readings } from '../../collectors/specs.ts';
import { err, ok, type Result } from '../base/result.ts';

/*
 * CEL over facts. It has no loops but those over lists, and no side effects; what is left is to bound its cost before
 * it runs, and to keep what nobody knows from becoming true or false.
 */

/** A check's fact under its own name, with underscores: `os_version.family`. */
const variables = new Map(checkIds.map((id) => [id.replaceAll('-', '_'), id]));

export const MAX_EXPRESSION = 1_000;
const MAX_COST = 20_000;
/** Longer lists and texts of a device are left out, so that asking for them is unknown. */
const MAX_LIST = 100;
const MAX_TEXT = 1_000;
const MAX_DEPTH = 6;

const LOOPS = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);
/** A pattern could take for ever on a text that a device chose. */
const BANNED = new Set(['matches']);

function createEnvironment(): Environment {
  const limits = {
    maxAstNodes: 300,
    maxDepth: 24,
    maxListElements: 50,
    maxMapEntries: 20,
    maxCallArguments: 8,
  };
  const environment = new Environment({ limits });
  for (const name of variables.keys()) environment.registerVariable(name, 'map');
  return environment.registerVariable('now', 'google.protobuf.Timestamp');
}

const environment = createEnvironment();

export type Expression = { run: ParseResult; asks: readonly CheckId[] };

/** Reads an expression that answers true or false. The error says what is wrong with it. */
export function parseExpression(text: string): Result<Expression, string> {
  try {
    const run = environment.parse(text);
    const checked = run.check();
    if (!checked.valid) return err(firstLine(checked.error?.message ?? 'is no expression'));
    if (checked.type !== 'bool' && checked.type !== 'dyn')
      return err(`answers ${checked.type}, not true or false`);
    const used = { names: new Set<string>(), calls: new Set<string>() };
    const cost = costOf(run.ast, used);
    const banned = [...used.calls].find((name) => BANNED.has(name));
    if (banned !== undefined) return err(`may not use ${banned}; use startsWith, endsWith or contains`);
    if (cost > MAX_COST) return err('costs too much: a loop within a loop has to be short');
    return ok({ run, asks: [...variables].flatMap(([name, id]) => (used.names.has(name) ? [id] : [])) });
  } catch (error) {
    return err(firstLine(messageOf(error)));
  }
}

type Node = { op: string; args: unknown };

/** Steps at most: what a loop does, it does for each element of a list. */
function costOf(value: unknown, used: { names: Set<string>; calls: Set<string> }): number {
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + costOf(one, used), 0);
  if (!isNode(value)) return 0;
  if (value.op === 'id') used.names.add(String(value.args));
  if (value.op !== 'call' && value.op !== 'rcall') return 1 + costOf(value.args, used);
  const [name, ...rest] = Array.isArray(value.args) ? (value.args as unknown[]) : [];
  used.calls.add(String(name));
  if (value.op !== 'rcall' || !LOOPS.has(String(name))) return 1 + costOf(rest, used);
  const [list, body] = rest;
  return 1 + costOf(list, used) + MAX_LIST * costOf(body, used);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

export type Answer =
  | { state: 'true' | 'false' }
  /** `of` are the checks that are unknown. */
  | { state: 'unknown'; why: string; of: readonly CheckId[] }
  /** A check that it asks about makes no sense on this device. */
  | { state: 'not-applicable' };

/** Pure; `now` is in milliseconds. Whatever it asks of an unknown, its answer is unknown. */
export function answer({ run, asks }: Expression, readings: Partial<Readings>, now: number): Answer {
  const context: Record<string, unknown> = { now: new Date(now) };
  const open: CheckId[] = [];
  for (const id of asks) {
    const reading = readings[id];
    if (reading?.state === 'unknown' && reading.why === 'not-applicable') return { state: 'not-applicable' };
    if (reading?.state === 'known') context[id.replaceAll('-', '_')] = plain(reading.fact, 0) ?? {};
    else open.push(id);
  }
  if (open.length > 0) return { state: 'unknown', why: `${open.join(', ')} not known`, of: open };
  return evaluated(run, context, asks);
}

function evaluated(run: ParseResult, context: Record<string, unknown>, asks: readonly CheckId[]): Answer {
  try {
    const value: unknown = run(context);
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

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200);
}
