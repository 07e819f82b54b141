import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Fact, Readings } from '../../collectors/specs.ts';
import type { Reading } from '../../src/base/reading.ts';
import { baselineFor, type Baseline } from '../../src/policy/baseline.ts';
import { baselineSchema } from '../../src/policy/baseline-schema.ts';
import { endOfSupport, lagOf, staleness } from '../../src/policy/behind.ts';
import { compile, parseCompiled } from '../../src/policy/compiled.ts';
import { judge } from '../../src/policy/judge.ts';
import { parsePolicy } from '../../src/policy/policy-text.ts';
import type { Rulebook } from '../../src/policy/policy.ts';
import { MAX_FRAME } from '../../src/wire/frames.ts';

const DAY = 86_400_000;
const on = (day: string) => Date.parse(`${day}T12:00:00Z`);

const baseline: Baseline = baselineSchema.parse({
  version: 1,
  date: '2026-09-15',
  windows: {
    asOf: '2026-09-15',
    releases: [
      {
        family: 'windows-client',
        build: 26100,
        name: 'Windows 11 24H2',
        endOfSupport: { consumer: '2026-10-13', enterprise: '2027-10-12', longTerm: '2029-10-09' },
        updates: [
          { revision: 9445, date: '2026-09-08', kind: 'security' },
          { revision: 9278, date: '2026-08-27', kind: 'other' },
          { revision: 9168, date: '2026-08-11', kind: 'security' },
          { revision: 9100, date: '2026-08-11', kind: 'security' },
          { revision: 8875, date: '2026-07-14', kind: 'security' },
        ],
      },
      {
        family: 'windows-server',
        build: 26100,
        name: 'Windows Server 2025',
        updates: [{ revision: 33296, date: '2026-08-11', kind: 'security' }],
      },
    ],
  },
  macos: {
    asOf: '2026-09-15',
    releases: [
      {
        major: 26,
        name: 'Tahoe',
        releases: [
          { version: '26.3.1 (a)', date: '2026-03-20' },
          { version: '26.3.1', date: '2026-03-10' },
          { version: '26.3', date: '2026-02-10' },
          { version: '26.10', date: '2026-09-10' },
        ],
      },
    ],
  },
  linux: {
    asOf: '2026-09-15',
    releases: [
      {
        family: 'debian',
        version: '12',
        name: 'Bookworm',
        endOfSupport: '2026-06-10',
        longTermUntil: '2028-06-30',
        extendedUntil: '2033-06-30',
      },
      { family: 'debian', version: '13', name: 'Trixie', endOfSupport: '2028-08-09' },
    ],
  },
  antivirus: {
    asOf: '2026-09-15',
    products: [{ product: 'XProtect', definitions: { version: '5330', date: '2026-09-01' } }],
  },
});

const fact = (change: Partial<Fact<'os-version'>>): Fact<'os-version'> => ({
  platform: 'windows',
  family: 'windows-client',
  name: 'Windows 11',
  version: '10.0.26100.9168',
  build: '26100',
  display: '24H2',
  edition: 'Professional',
  kernel: null,
  arch: 'x64',
  endOfSupport: null,
  container: null,
  ...change,
});
const mac = (version: string) => fact({ platform: 'macos', family: 'macos', version, edition: null });
const debian = (version: string | null) =>
  fact({ platform: 'linux', family: 'debian', version, edition: null, display: `Debian ${version}` });
const daysOf = (one: Fact<'os-version'>, now = on('2026-09-20')) => lagOf(one, baseline, 45, now);

describe('days behind', () => {
  test.each([
    ['the newest', '9445', 0],
    ['newer than any that is known', '9999', 0],
    ['a preview beyond the last security update lacks the next one', '9278', 12],
    ['one month behind: from the day of the first missed', '9168', 12],
    ['a hotpatch of the same day is as good as its update', '9100', 12],
    ['two behind: from the first missed', '8875', 40],
    ['older than all that is known: at least since the oldest', '1742', 68],
  ])('Windows, %s', (_what, revision, days) => {
    expect(daysOf(fact({ version: `10.0.26100.${revision}` }))).toMatchObject({ state: 'known', days });
  });

  test.each([
    ['26.10', 0],
    ['26.3.1 (a)', 10],
    ['26.3.1', 184],
    ['26.3', 194],
    ['26.11', 0],
  ])('macOS %s: %i, number by number, improvements count', (version, days) => {
    const lag = daysOf(mac(version), on('2026-09-20'));
    expect(lag).toMatchObject({ state: 'known', days });
    expect(lag.state === 'known' && lag.newest()).toBe('26.10');
  });

  test('server and client of one build have lists of their own', () => {
    const server = fact({ family: 'windows-server', version: '10.0.26100.33296' });
    const lag = daysOf(server);
    expect(lag).toMatchObject({ days: 0 });
    expect(lag.state === 'known' && lag.newest()).toBe('26100.33296');
  });

  test.each([
    [fact({ version: '10.0.19041.1' }), 'the baseline does not know 10.0.19041.1'],
    [fact({ version: '6.1.7601' }), 'the baseline does not know 6.1.7601'],
    [fact({ version: null }), 'the baseline does not know it'],
    [mac('27.0'), 'the baseline does not know 27.0'],
  ])('what is not listed is unknown, not fine', (one, why) => {
    expect(daysOf(one)).toEqual({ state: 'unknown', why });
  });

  test('a release that is dated in the future is no lag yet', () => {
    expect(daysOf(fact({ version: '10.0.26100.9168' }), on('2026-09-01'))).toMatchObject({ days: 0 });
  });

  test('an old baseline tells nothing, and says so', () => {
    expect(daysOf(fact({}), on('2026-10-30'))).toMatchObject({ state: 'known' });
    expect(daysOf(fact({}), on('2026-10-31'))).toEqual({
      state: 'unknown',
      why: 'baseline is 46 days old',
      since: Date.parse('2026-10-31'),
    });
    expect(lagOf(fact({}), null, 45, on('2026-09-20'))).toMatchObject({ state: 'unknown' });
  });

  test('a newer version is never further behind, and a known release never brings anyone closer', () => {
    const updates = fc.array(
      fc.record({
        revision: fc.integer({ min: 1, max: 50 }),
        date: fc
          .integer({ min: 0, max: 400 })
          .map((days) => new Date(on('2025-06-01') + days * DAY).toISOString().slice(0, 10)),
        kind: fc.constantFrom('security' as const, 'other' as const),
      }),
      { minLength: 1, maxLength: 12 },
    );
    const now = on('2026-09-20');
    const daysWith = (list: Baseline['windows'], revision: number) => {
      const lag = lagOf(fact({ version: `10.0.26100.${revision}` }), { ...baseline, windows: list }, 45, now);
      return lag.state === 'known' ? lag.days : -1;
    };
    fc.assert(
      fc.property(updates, fc.nat(50), fc.nat(50), (list, a, b) => {
        const of = (some: typeof list) => ({
          asOf: '2026-09-15',
          releases: [{ ...(baseline.windows?.releases[0] as never as object), updates: some } as never],
        });
        const [older, newer] = [Math.min(a, b), Math.max(a, b)];
        expect(daysWith(of(list), newer)).toBeLessThanOrEqual(daysWith(of(list), older));
        // One more security release, newer than all: nobody who had them all is ahead of where they were.
        const next = { revision: 99, date: '2026-09-10', kind: 'security' as const };
        expect(daysWith(of([...list, next]), older)).toBeGreaterThanOrEqual(daysWith(of(list), older));
      }),
      { numRuns: 200 },
    );
  });
});

describe('end of support', () => {
  test.each([
    ['Professional', '2026-10-13'],
    ['Core', '2026-10-13'],
    ['Enterprise', '2027-10-12'],
    ['Education', '2027-10-12'],
    ['ServerRdsh', '2027-10-12'],
    ['EnterpriseS', '2029-10-09'],
    ['IoTEnterpriseS', '2029-10-09'],
  ])('Windows %s until %s', (edition, ends) => {
    expect(endOfSupport(fact({ edition }), baseline, 'regular')).toBe(ends);
  });

  test('the system’s own word counts first; long-term support only where it is asked', () => {
    expect(endOfSupport(fact({ endOfSupport: '2030-01-01' }), baseline, 'regular')).toBe('2030-01-01');
    expect(endOfSupport(debian('12'), baseline, 'regular')).toBe('2026-06-10');
    expect(endOfSupport(debian('12'), baseline, 'long-term')).toBe('2028-06-30');
    expect(endOfSupport(debian('12'), baseline, 'paid')).toBe('2033-06-30');
    expect(endOfSupport(debian('13'), baseline, 'paid')).toBe('2028-08-09');
    expect(endOfSupport(debian(null), baseline, 'paid')).toBeNull();
    expect(endOfSupport(mac('26.3'), baseline, 'paid')).toBeNull();
  });
});

const AT = '2026-09-20T12:00:00.000Z';
const known = <F>(value: F): Reading<F> => ({ state: 'known', fact: value, at: AT, tookMs: 1 });
const patched = known({
  manager: 'wua' as const,
  lastInstalledAt: AT,
  lastCheckedAt: AT,
  metadataAt: AT,
  pending: 0,
  pendingSecurity: 0,
  pendingMajor: 0,
  pendingNames: [],
  rebootRequired: false,
  rebootReason: null,
  automatic: 'on' as const,
});

function rulebook(expectations: string, reference: Baseline | null = baseline): Rulebook {
  const parsed = parsePolicy(`version: 1\nname: test\nchecks:\n${expectations}`);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return { ...parsed.value, baseline: reference };
}

function verdicts(version: Fact<'os-version'>, policy: Rulebook, now = on('2026-09-20')) {
  const readings: Partial<Readings> = { 'os-version': known(version), 'os-patch': patched };
  return Object.fromEntries(judge(readings, policy, now).map((one) => [one.check, one]));
}

describe('judging by a baseline', () => {
  const both = `
  os-version: { unknown: { graceHours: 24, then: fail }, expect: { maxDaysBehind: 14 } }
  os-patch: { unknown: { graceHours: 24, then: warn }, expect: { maxDaysBehind: 14, maxMetadataAgeDays: 365 } }`;

  test('within the days it passes, beyond them it fails and says by how much', () => {
    expect(verdicts(fact({}), rulebook(both))).toMatchObject({
      'os-version': { level: 'pass' },
      'os-patch': { level: 'pass' },
    });
    const old = verdicts(fact({ version: '10.0.26100.8875' }), rulebook(both));
    expect(old['os-version']).toMatchObject({ level: 'fail', reason: 'os-behind' });
    expect(old['os-patch']).toMatchObject({
      level: 'fail',
      reason: 'patch-behind',
      expected: 'at most 14 days behind the newest release',
      given: '10.0.26100.8875, 40 days behind 26100.9445',
    });
  });

  test('a stale baseline is unknown, never a pass, and follows the row from the day on which it went stale', () => {
    const newest = fact({ version: '10.0.26100.9445', edition: 'Enterprise' });
    const today = verdicts(newest, rulebook(both), Date.parse('2026-10-31T01:00:00Z'));
    expect(today['os-version']).toMatchObject({
      level: 'unknown',
      reason: 'os-version-unknown',
      given: 'baseline is 46 days old',
    });
    const later = verdicts(newest, rulebook(both), on('2026-11-28'));
    expect(later['os-version']).toMatchObject({
      level: 'fail',
      reason: 'os-version-unknown',
      given: 'baseline is 74 days old',
    });
    expect(later['os-patch']).toMatchObject({ level: 'warn', reason: 'os-patch-unknown' });
  });

  test.each([
    [rulebook(both, null), fact({})],
    [rulebook(both), fact({ version: '10.0.19041.1' })],
  ])('nor is a missing one, or one that does not know the release', (policy, one) => {
    expect(verdicts(one, policy)).toMatchObject({
      'os-version': { level: 'unknown' },
      'os-patch': { level: 'unknown' },
    });
  });

  test('nothing is asked of it unless the policy says so', () => {
    const quiet = '  os-version: { expect: { supported: true } }';
    expect(verdicts(fact({}), rulebook(quiet, null))['os-version']).toMatchObject({ level: 'pass' });
    expect(verdicts(fact({}), rulebook(quiet), on('2026-11-28'))['os-version']).toMatchObject({
      level: 'fail',
      reason: 'os-end-of-life',
    });
  });

  test('Linux: end of support, not days', () => {
    const policy = rulebook(
      '  os-version: { expect: { maxDaysBehind: 1, supportKnown: true, support: regular } }',
    );
    expect(verdicts(debian('13'), policy)['os-version']).toMatchObject({ level: 'pass' });
    expect(verdicts(debian('12'), policy)['os-version']).toMatchObject({
      level: 'fail',
      reason: 'os-end-of-life',
    });
    expect(verdicts(debian('14'), policy)['os-version']).toMatchObject({ level: 'unknown' });
    expect(verdicts(debian('13'), policy, on('2026-11-28'))['os-version']?.given).toBe(
      'baseline is 74 days old',
    );
  });

  test('the oldest version that a policy allows', () => {
    const policy = rulebook('  os-version: { expect: { minimum: { macos: "26.3.1", debian: "13" } } }');
    expect(verdicts(mac('26.3'), policy)['os-version']).toMatchObject({
      level: 'fail',
      reason: 'os-too-old',
    });
    expect(verdicts(mac('26.10'), policy)['os-version']).toMatchObject({ level: 'pass' });
    expect(verdicts(debian(null), policy)['os-version']).toMatchObject({ level: 'unknown' });
    expect(verdicts(fact({}), policy)['os-version']).toMatchObject({ level: 'pass' });
  });

  test('definitions that come out by the month are compared by version', () => {
    const policy = rulebook('  antivirus: { expect: { maxDefinitionsAgeDays: 60, maxDaysBehind: 14 } }');
    const product = (definitionsVersion: string | null) => ({
      vendor: 'Apple',
      name: 'XProtect',
      version: null,
      installed: true,
      running: true,
      realtime: null,
      mode: 'active' as const,
      definitionsVersion,
      definitionsAt: null,
      upToDate: null,
      lastScanAt: null,
      tamperProtection: null,
      health: [],
    });
    const levelOf = (definitions: string | null, now = on('2026-09-20')) =>
      judge({ antivirus: known({ products: [product(definitions)], active: 'XProtect' }) }, policy, now).find(
        ({ check }) => check === 'antivirus',
      );
    expect(levelOf('5330')).toMatchObject({ level: 'pass' });
    expect(levelOf('5329')).toMatchObject({ level: 'warn', reason: 'av-outdated' });
    expect(levelOf('5329', on('2026-09-10'))).toMatchObject({ level: 'pass' });
    expect(levelOf(null)).toMatchObject({ level: 'unknown' });
    expect(levelOf('5330', on('2026-11-28'))).toMatchObject({
      reason: 'antivirus-unknown',
      given: 'baseline is 74 days old',
    });
  });
});

describe('what a device gets of it', () => {
  const facts = [
    fact({}),
    fact({ version: '10.0.26100.8875' }),
    fact({ version: '10.0.19041.1' }),
    fact({ family: 'windows-server', version: '10.0.26100.33296' }),
    mac('26.3'),
    debian('12'),
    debian('14'),
  ];
  const policy = rulebook(`
  os-version: { expect: { maxDaysBehind: 14, supportKnown: true, support: paid } }
  os-patch: { expect: { maxDaysBehind: 14 } }`);

  test.each(facts)('is small, and judges $family $version as the whole does', (one) => {
    const own = baselineFor(baseline, { 'os-version': known(one) });
    for (const day of ['2026-09-16', '2026-09-30', '2026-11-28']) {
      expect(verdicts(one, { ...policy, baseline: own }, on(day))).toEqual(verdicts(one, policy, on(day)));
    }
    const counts = [own.windows, own.macos, own.linux].map((section) => section?.releases.length ?? 0);
    expect(Math.max(...counts)).toBeLessThanOrEqual(1);
  });

  test('without a version, no release at all; and the largest part there can be fits into a frame', () => {
    expect(baselineFor(baseline, {})).toMatchObject({ windows: null, macos: null, linux: null });
    const updates = Array.from({ length: 300 }, (_, index) => ({
      revision: 900_000 + index,
      date: '2026-09-08',
      kind: 'security' as const,
    }));
    const release = { family: 'windows-client' as const, build: 26100, name: 'x'.repeat(80), updates };
    const large = baselineSchema.parse({
      version: 1,
      date: '2026-09-15',
      windows: { asOf: '2026-09-15', releases: [release] },
    });
    const own = baselineFor(large, { 'os-version': known(fact({})) });
    expect(own.windows?.releases[0]?.updates.length).toBe(300);
    expect(JSON.stringify(own).length).toBeLessThan(MAX_FRAME / 8);
  });

  test('travels in the compiled policy', () => {
    const parsed = parsePolicy('version: 1\nname: test');
    if (!parsed.ok) throw new Error('no policy');
    const own = baselineFor(baseline, { 'os-version': known(fact({})) });
    const compiled = compile(parsed.value, {
      mode: 'enforce',
      courses: {},
      unknownSince: {},
      held: false,
      baseline: own,
    });
    expect(parseCompiled(JSON.parse(JSON.stringify(compiled)))).toMatchObject({
      ok: true,
      value: { baseline: own },
    });
  });
});

test('a section is stale the day after its last', () => {
  expect(staleness('2026-01-01', 10, Date.parse('2026-01-11T23:59:59Z'))).toBeNull();
  expect(staleness('2026-01-01', 10, Date.parse('2026-01-12T00:00:00Z'))?.why).toBe(
    'baseline is 11 days old',
  );
});
