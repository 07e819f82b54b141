import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NO_MEMORY } from '../../src/policy/memory.ts';
import { parsePolicy } from '../../src/policy/policy-text.ts';
import { decide, sameDecision, type Evidence } from '../../src/server/decide.ts';
import { ACCESS, type Decision } from '../../src/wire/decision.ts';
import { healthyReadings, PLAIN_DISK } from './fixtures.ts';

const parsed = parsePolicy(
  readFileSync(join(import.meta.dirname, '../../src/policy/default-policy.yaml'), 'utf8'),
);
if (!parsed.ok) throw new Error('the default policy does not parse');
const terms = { policy: parsed.value, label: 'default (x)', listeningSince: 0 };

const NOW = Date.parse('2026-11-20T10:00:00.000Z');
const AT = '2026-11-20T10:00:00.000Z';
const SECOND = 1_000;

const healthy: Evidence = {
  readings: healthyReadings(AT),
  unknownSince: {},
  seenAt: NOW,
  factsAt: NOW,
  cloned: false,
  traits: { id: '01930000-0000-7000-8000-000000000000', tags: [], directoryGroups: [] },
  breakGlassUntil: null,
  memory: NO_MEMORY,
};

const at = (ms: number, evidence: Partial<Evidence> = {}, previous: Decision | null = null) =>
  decide({ ...healthy, ...evidence }, terms, NOW + ms, previous);

describe('a decision', () => {
  test('follows risk, says why, and holds until silence would end it', () => {
    expect(at(0).decision).toEqual({
      access: 'allow',
      risk: { score: 0, level: 'low' },
      reason: 'ok',
      sentence: 'Fine: everything that the policy asks for is in order.',
      since: AT,
      until: '2026-11-20T10:01:30.000Z',
      policy: 'default (x)',
      mode: 'enforce',
      would: null,
      held: null,
      deadline: null,
      remindedAt: null,
      snoozedUntil: null,
    });
    const plain = { readings: healthyReadings(AT, { 'disk-encryption': PLAIN_DISK }) };
    expect(at(0, plain).decision).toMatchObject({
      access: 'restrict',
      reason: 'disk-plain',
      risk: { score: 40, level: 'medium' },
    });
  });

  test('of a clone is that of high risk, whatever it reports', () => {
    expect(at(0, { cloned: true }).decision).toMatchObject({
      access: 'deny',
      reason: 'agent-cloned',
      risk: { score: 100, level: 'high' },
    });
  });

  test.each([
    [0, 'allow', 'ok', '10:01:30'],
    [89, 'allow', 'ok', '10:01:30'],
    [90, 'restrict', 'agent-silent', '10:15:00'],
    [899, 'restrict', 'agent-silent', '10:15:00'],
    [900, 'deny', 'agent-silent', '10:30:00'],
    [86_400, 'deny', 'agent-silent', '9999'],
  ])('after %i s of silence is %s (%s)', (seconds, access, reason, until) => {
    const { decision } = at(seconds * SECOND);
    expect(decision).toMatchObject({ access, reason, until: expect.stringContaining(until) });
  });

  test('does not rest on heartbeats alone: facts asserted too long ago restrict', () => {
    expect(at(0, { factsAt: NOW - 1_799 * SECOND }).decision.access).toBe('allow');
    expect(at(0, { factsAt: NOW - 1_800 * SECOND }).decision).toMatchObject({
      access: 'restrict',
      reason: 'agent-silent',
    });
  });

  test('holds against nobody what the server itself could not hear', () => {
    const since = { ...terms, listeningSince: NOW + 600 * SECOND };
    const access = (ms: number) => decide(healthy, since, NOW + ms, null).decision.access;
    expect([600, 689, 690, 1_499, 1_500].map((seconds) => access(seconds * SECOND))).toEqual([
      'allow',
      'allow',
      'restrict',
      'restrict',
      'deny',
    ]);
  });

  test('before the first report is restrict', () => {
    const fresh = { readings: {}, seenAt: null, factsAt: null };
    expect(at(0, fresh).decision).toMatchObject({
      access: 'restrict',
      reason: 'agent-silent',
      until: expect.stringMatching('^9999'),
    });
  });

  test('by risk stands where silence asks for no more', () => {
    const plain = { readings: healthyReadings(AT, { 'disk-encryption': PLAIN_DISK }) };
    expect(at(100 * SECOND, plain).decision).toMatchObject({ access: 'restrict', reason: 'disk-plain' });
  });

  test('keeps its beginning while access stays the same', () => {
    const before = at(0).decision;
    const later = at(60 * SECOND, { seenAt: NOW + 60 * SECOND, factsAt: NOW + 60 * SECOND }, before);
    expect(later.decision.since).toBe(before.since);
    expect(sameDecision(before, later.decision)).toBe(true);
    const silent = at(90 * SECOND, {}, before);
    expect(silent.decision.since).toBe('2026-11-20T10:01:30.000Z');
    expect(sameDecision(before, silent.decision)).toBe(false);
  });

  test('ages: what was unknown within its grace counts later', () => {
    const { 'disk-encryption': _, ...readings } = healthy.readings;
    const evidence = { readings, unknownSince: { 'disk-encryption': NOW - 23 * 3_600 * SECOND } };
    expect(at(0, evidence).decision).toMatchObject({ access: 'allow', reason: 'disk-encryption-unknown' });
    const hours = { seenAt: NOW + 7_200 * SECOND, factsAt: NOW + 7_200 * SECOND };
    expect(at(7_200 * SECOND, { ...evidence, ...hours }).decision).toMatchObject({ access: 'restrict' });
  });

  test('silence never loosens, and time alone only tightens what it means', () => {
    const rank = (ms: number, silentFor: number) =>
      ACCESS.indexOf(at(ms, { seenAt: NOW - silentFor, factsAt: NOW - silentFor }).decision.access);
    fc.assert(
      fc.property(
        fc.nat(5_000_000),
        fc.nat(5_000_000),
        (a, b) => rank(0, Math.max(a, b)) >= rank(0, Math.min(a, b)),
      ),
    );
  });
});

describe('an expression that misses a part of a known fact', () => {
  const HOUR = 3_600 * SECOND;
  const expression = {
    name: 'kernel',
    expr: 'os_version.endOfSupport > "2027"',
    expected: 'years of support',
    weight: 60,
    unknown: { graceHours: 2, then: 'warn' },
  };
  const policy = parsePolicy(
    JSON.stringify({ ...parsed.value, baseline: undefined, expressions: [expression] }),
  );
  if (!policy.ok) throw new Error(JSON.stringify(policy.error));
  const asked = { ...terms, policy: policy.value };
  const after = (hours: number, memory = NO_MEMORY, readings = healthyReadings(AT)) => {
    const now = NOW + hours * HOUR;
    return decide({ ...healthy, readings, memory, seenAt: now, factsAt: now }, asked, now, null);
  };
  const verdictOf = ({ verdicts }: ReturnType<typeof after>) =>
    verdicts.find(({ check }) => check === 'expression:kernel');

  test('is unknown for its hours, counted from when that was first seen, and then what its row says', () => {
    const first = after(0);
    expect(verdictOf(first)).toMatchObject({ level: 'unknown', points: 0, since: AT });
    expect(first.nextAt).toBeLessThanOrEqual(NOW + 2 * HOUR);
    const later = after(1.9, first.memory);
    expect(later.memory).toBe(first.memory);
    expect(verdictOf(later)).toMatchObject({ level: 'unknown', since: AT });
    const over = after(2, later.memory);
    expect(verdictOf(over)).toMatchObject({ level: 'warn', points: 30, reason: 'expression-unknown' });
    expect(over.decision.risk.score).toBe(30);
  });

  test('begins anew after it was known', () => {
    const fact = { ...healthyReadings(AT)['os-version'] };
    if (fact.state !== 'known') throw new Error('not known');
    const known = healthyReadings(AT, {
      'os-version': { ...fact.fact, endOfSupport: '2030-01-01' } as never,
    });
    const between = after(1, after(0).memory, known);
    expect(verdictOf(between)).toMatchObject({ level: 'pass' });
    expect(verdictOf(after(3, between.memory))).toMatchObject({
      level: 'unknown',
      since: new Date(NOW + 3 * HOUR).toISOString(),
    });
  });
});
