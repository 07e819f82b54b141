import { Environment } from '@marcbachmann/cel-js';
import { messageOf } from '../base/errors.ts';
import { checkIds } from '../../collectors/specs.ts';
import { err, ok, type Result } from '../base/result.ts';
import { firstLine, MAX_LIST, variableOf, type Runnable } from './answers.ts';

/*
 * CEL over facts. It has no loops but those over lists, and no side effects; what is left is to bound its cost before
 * it runs. What has been read runs without this (answers.ts), so that who holds a policy needs no reader of policies.
 */

const variables = new Map(checkIds.map((id) => [variableOf(id), id]));

export const MAX_EXPRESSION = 1_000;
const MAX_COST = 20_000;

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

/** Reads an expression that answers true or false. The error says what is wrong with it. */
export function parseExpression(text: string): Result<Runnable, string> {
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
