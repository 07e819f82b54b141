import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { parsePolicy } from '../../src/policy/policy-text.ts';
import { reloadPolicy } from '../../src/server/policy-file.ts';

const FILE = join(import.meta.dirname, '../../src/policy/default-policy.yaml');
const text = readFileSync(FILE, 'utf8');

/** What is written instead of what, the word at which the mistake is to be named, and what is to be said of it. */
const MUTATIONS: readonly (readonly [from: string, to: string, at: string, says: string])[] = [
  // Names that are not quite right.
  ['\nname: default', '\nnam: default', 'nam', 'did you mean "name"'],
  ['\nrisk:\n', '\nrisks:\n', 'risks', 'did you mean "risk"'],
  ['  medium: 20', '  medum: 20', 'medum', 'did you mean "medium"'],
  ['  high: 60', '  hihg: 60', 'hihg', 'did you mean "high"'],
  ['\naccess:\n', '\nacess:\n', 'acess', 'did you mean "access"'],
  ['  low: allow', '  lo: allow', 'lo:', 'did you mean "low"'],
  ['\nmode: enforce', '\nmodes: enforce', 'modes', 'did you mean "mode"'],
  ['\ngroups: []', '\ngroup: []', 'group', 'did you mean "groups"'],
  ['steadySeconds', 'steadyseconds', 'steadyseconds', 'did you mean "steadySeconds"'],
  ['settledHours', 'setledHours', 'setledHours', 'did you mean "settledHours"'],
  ['\nbreaker:', '\nbraker:', 'braker', 'did you mean "breaker"'],
  ['  percent: 5', '  percents: 5', 'percents', 'did you mean "percent"'],
  ['\nheartbeat:', '\nheartbeats:', 'heartbeats', 'did you mean "heartbeat"'],
  ['everySeconds: 30', 'everySecond: 30', 'everySecond', 'did you mean "everySeconds"'],
  ['serverSilentHours', 'serverSilenthours', 'serverSilenthours', 'did you mean "serverSilentHours"'],
  ['  firewall:', '  firewal:', 'firewal', 'did you mean "firewall"'],
  ['  os-patch:', '  os_patch:', 'os_patch', 'did you mean "os-patch"'],
  ['    required: true', '    require: true', 'require', 'did you mean "required"'],
  ['    floor: medium', '    flor: medium', 'flor', 'did you mean "floor"'],
  ['graceHours: 24', 'gracehours: 24', 'gracehours', 'did you mean "graceHours"'],
  ['grace: { hours: 336', 'grace: { hour: 336', 'hour', 'did you mean "hours"'],
  ['maxPendingSecurity', 'maxPendingSecurities', 'maxPendingSecurities', 'did you mean "maxPendingSecurity"'],
  ['keyProtection: file', 'keyprotection: file', 'keyprotection', 'did you mean "keyProtection"'],
  ['\nname: default', '\nname: default\nweather: fine', 'weather', 'known here: version, name'],
  // Values that are not one of those there are.
  ['\nversion: 1', '\nversion: 2', 'version', '1'],
  ['  low: allow', '  low: alow', 'low', 'did you mean "allow"'],
  ['  low: allow', '  low: restrict', 'low', 'has to be allow'],
  ['  high: deny', '  high: denny', 'high', 'did you mean "deny"'],
  ['  high: deny', '  high: allow', 'high', 'at least as strict as medium'],
  ['\nmode: enforce', '\nmode: enforced', 'mode', 'did you mean "enforce"'],
  ['  deny: high', '  deny: hgih', 'deny', 'did you mean "high"'],
  ['then: fail', 'then: fial', 'then', 'did you mean "fail"'],
  ['as: notice', 'as: notise', 'as', 'did you mean "notice"'],
  ['floor: high', 'floor: hi', 'floor', 'low, medium, high'],
  ['keyProtection: file', 'keyProtection: filing', 'keyProtection', 'file, os-keystore, tpm'],
  // Numbers out of range, and what is no number.
  ['  medium: 20', '  medium: 70', 'medium', 'lower than high'],
  ['  medium: 20', '  medium: 0', 'medium', 'at least 1'],
  ['  high: 60', '  high: 101', 'high', 'at most 100'],
  ['weight: 60', 'weight: 600', 'weight', 'at most 100'],
  ['weight: 60', 'weight: -1', 'weight', 'at least 0'],
  ['weight: 60', 'weight: heavy', 'weight', 'number, given "heavy"'],
  ['hours: 336', 'hours: 10000', 'hours', 'at most 8760'],
  ['  percent: 5', '  percent: 500', 'percent', 'at most 100'],
  ['everySeconds: 30', 'everySeconds: 1', 'everySeconds', 'at least 5'],
  ['required: true', 'required: 1', 'required', 'boolean'],
  ['maxSeconds: 900', 'maxSeconds: 0', 'maxSeconds', 'greater than 0'],
  ['\nname: default', '\nname: ""', 'name', 'at least 1 characters'],
  // Shapes.
  ['\ngroups: []', '\ngroups: {}', 'groups', 'array'],
  [
    '\ngroups: []',
    '\ngroups: [{ name: p, match: {}, mode: warn }]',
    'match',
    'tags, directoryGroups, devices or percent',
  ],
  ['\ngroups: []', '\ngroups: [{ name: p, match: { percent: 10 } }]', '{ name', 'mode'],
  ['unknown: { graceHours: 24, then: fail }', 'unknown: 24', 'unknown', 'object, given "24"'],
  ['\nname: default', '\nname: default\nname: twice', 'name: twice', 'unique'],
  [
    'unknown: { graceHours: 24, then: fail }',
    'unknown: &row { graceHours: 24 }\n    expect: *row',
    '*row',
    'aliases',
  ],
  ['  percent: 5', '  percent: [5', '', 'flow'],
];

function mutated([from, to]: (typeof MUTATIONS)[number]): string {
  const next = text.replace(from, to);
  if (next === text) throw new Error(`the default policy does not contain ${JSON.stringify(from)}`);
  return next;
}

/** Line and column, from 1, of the first `word` at or after the change. */
function placeOf(changed: string, [from]: (typeof MUTATIONS)[number], word: string) {
  const offset = changed.indexOf(word, text.indexOf(from));
  const before = changed.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1) ?? '').length + 1 };
}

test('there are 50 of them, and the default itself is good', () => {
  expect(MUTATIONS.length).toBeGreaterThanOrEqual(50);
  expect(parsePolicy(text).ok).toBe(true);
});

test.each(
  MUTATIONS.map((mutation) => ({ mutation, name: `${mutation[0]} → ${mutation[1]}`.replaceAll('\n', ' ') })),
)('$name is refused with its place and what would be right', ({ mutation }) => {
  const [, , at, says] = mutation;
  const changed = mutated(mutation);
  const parsed = parsePolicy(changed);
  if (parsed.ok) throw new Error('it was taken');
  const problem = parsed.error.find(({ message }) => message.toLowerCase().includes(says.toLowerCase()));
  expect(problem, JSON.stringify(parsed.error)).toBeDefined();
  if (at !== '') expect(problem).toMatchObject(placeOf(changed, mutation, at));
  expect(problem?.line).toBeGreaterThan(0);
  expect(problem?.column).toBeGreaterThan(0);
});

test('the last good policy stays in force under every one of them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-policy-'));
  const file = join(folder, 'policy.yaml');
  const inForce: string[] = [];
  const watch = {
    file,
    clock: systemClock,
    log: createLogger('server', 'silent'),
    replace: async ({ name }: { name: string }) => void inForce.push(name),
  };
  for (const mutation of MUTATIONS) {
    await writeFile(file, mutated(mutation));
    await reloadPolicy(watch);
  }
  expect(inForce).toEqual([]);
  await writeFile(file, await readFile(FILE));
  await reloadPolicy(watch);
  expect(inForce).toEqual(['default']);
  await rm(folder, { recursive: true });
});
