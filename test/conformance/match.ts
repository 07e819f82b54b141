import type { Observed } from '../../src/base/reading.ts';
import type { Case } from './cases.ts';

export type Outcome = 'pass' | 'wrong' | 'unknown-instead' | 'not-applicable';

/** How an answer compares with what the case says is true, and where it first differs. */
export function judge(
  expect: Case['expect'],
  answer: Observed<unknown>,
  asked: boolean,
): { outcome: Outcome; why: string } {
  if (!asked) return { outcome: 'not-applicable', why: 'the reader asked for none of the listed inputs' };
  const reasons = expectedUnknown(expect);
  if (answer.state === 'unknown') return judgeUnknown(reasons, answer);
  if (reasons) return { outcome: 'wrong', why: `known, but should be unknown (${reasons.join(' or ')})` };
  const difference = firstDifference(expect, answer.fact, '');
  return difference === null ? { outcome: 'pass', why: '' } : { outcome: 'wrong', why: difference };
}

function expectedUnknown(expect: Case['expect']): string[] | null {
  return 'unknown' in expect && Array.isArray(expect.unknown) ? expect.unknown : null;
}

function judgeUnknown(
  reasons: string[] | null,
  answer: Extract<Observed<unknown>, { state: 'unknown' }>,
): { outcome: Outcome; why: string } {
  const said = `unknown: ${answer.why} (${answer.detail})`;
  if (!reasons) return { outcome: 'unknown-instead', why: said };
  return reasons.includes(answer.why)
    ? { outcome: 'pass', why: '' }
    : { outcome: 'wrong', why: `${said}, expected ${reasons.join(' or ')}` };
}

const KEYS = ['mount', 'id', 'name', 'session'] as const;

/** Null when `actual` contains `expected`; otherwise the path and both values of the first difference. */
export function firstDifference(expected: unknown, actual: unknown, path: string): string | null {
  if (Array.isArray(expected)) return arrayDifference(expected, actual, path);
  if (isObject(expected)) return objectDifference(expected, actual, path);
  return sameValue(expected, actual)
    ? null
    : `${path || '.'}: expected ${show(expected)}, got ${show(actual)}`;
}

function objectDifference(expected: Record<string, unknown>, actual: unknown, path: string): string | null {
  if (!isObject(actual)) return `${path || '.'}: expected an object, got ${show(actual)}`;
  for (const [key, value] of Object.entries(expected)) {
    const difference = firstDifference(value, actual[key], `${path}.${key}`);
    if (difference !== null) return difference;
  }
  return null;
}

function arrayDifference(expected: unknown[], actual: unknown, path: string): string | null {
  if (!Array.isArray(actual)) return `${path}: expected a list, got ${show(actual)}`;
  if (expected.length === 0 && actual.length > 0) return `${path}: expected none, got ${show(actual)}`;
  for (const element of expected) {
    const difference = elementDifference(element, actual, path);
    if (difference !== null) return difference;
  }
  return null;
}

function elementDifference(element: unknown, actual: unknown[], path: string): string | null {
  const key = isObject(element) ? KEYS.find((name) => element[name] !== undefined) : undefined;
  if (isObject(element) && key !== undefined) {
    const twins = actual.filter((one) => isObject(one) && sameValue(element[key], one[key]));
    if (twins.length === 0) return `${path}: no element with ${key} ${show(element[key])} in ${show(actual)}`;
    const differences = twins.map((twin) =>
      firstDifference(element, twin, `${path}[${key}=${show(element[key])}]`),
    );
    return differences.includes(null) ? null : (differences[0] ?? null);
  }
  const contained = actual.some((one) => firstDifference(element, one, path) === null);
  return contained ? null : `${path}: nothing like ${show(element)} in ${show(actual)}`;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

function sameValue(expected: unknown, actual: unknown): boolean {
  if (
    typeof expected === 'string' &&
    typeof actual === 'string' &&
    TIME.test(expected) &&
    TIME.test(actual)
  ) {
    return Date.parse(expected) === Date.parse(actual);
  }
  return expected === actual;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 400 ? `${text.slice(0, 399)}…` : text;
}
