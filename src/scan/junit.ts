import type { Scanned, State } from './scan.ts';
import { heardFrom, MEANS } from './words.ts';

/** JUnit's XML: one test case a host. Fails what is in `failing`; a host that was not asked is an error. */
export function junitOf(scanned: readonly Scanned[], failing: ReadonlySet<State>, at: string): string {
  const failures = scanned.filter(({ state }) => state !== 'unasked' && failing.has(state)).length;
  const errors = scanned.filter(({ state }) => state === 'unasked').length;
  const counts = { tests: scanned.length, failures, errors };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: 'drawbridge scan', ...counts })}>`,
    `<testsuite${attributes({ name: 'L2TP outside IPsec', timestamp: at.replace(/\.\d+Z$/, ''), ...counts })}>`,
    ...scanned.map((one) => testCase(one, failing)),
    '</testsuite>',
    '</testsuites>',
  ].join('\n');
}

function testCase(scanned: Scanned, failing: ReadonlySet<State>): string {
  const { address, name, state } = scanned;
  const head = `<testcase${attributes({ classname: name, name: address })}>`;
  const text = `${heardFrom(scanned)}. ${MEANS[state]}`;
  return `${head}${bodyOf(state, failing.has(state), text)}</testcase>`;
}

function bodyOf(state: State, isFailing: boolean, text: string): string {
  if (state === 'unasked')
    return `<error${attributes({ message: 'not asked', type: state })}>${escaped(text)}</error>`;
  if (isFailing) return `<failure${attributes({ message: state, type: state })}>${escaped(text)}</failure>`;
  return `<system-out>${escaped(`${state}: ${text}`)}</system-out>`;
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
    .join('');
}

const ENTITIES: Readonly<Record<string, string>> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', '"': '&quot;' };

/** Names come from the caller, words from strangers. What XML cannot hold at all becomes a question mark. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\x20-\uD7FF\uE000-\uFFFD]/gu, '?')
    .replace(/[<>&"]/g, (character) => ENTITIES[character] ?? '');
}
