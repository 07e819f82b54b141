import { expect, test } from 'vitest';
import { checkIds, type Readings } from '../../collectors/specs.ts';
import { trayStatusOf, type TrayFacts } from '../../src/agent/tray-status.ts';
import { parseCompiled } from '../../src/policy/compiled.ts';
import { trayStatus } from '../../src/wire/tray.ts';

const NOW = Date.parse('2026-11-20T10:00:00.000Z');
const AT = '2026-11-20T09:59:00.000Z';
const HOUR_MS = 3_600_000;

const reading = (fact: unknown) => ({ state: 'known', fact, at: AT, tookMs: 1 });
const absent = { state: 'unknown', why: 'not-applicable', detail: '', at: AT };

function readings(change: object = {}): Readings {
  const all = Object.fromEntries(checkIds.map((id) => [id, absent]));
  return {
    ...all,
    firewall: reading({
      state: 'off',
      inboundDefault: 'allow',
      managedBy: null,
      profiles: [],
      stealth: null,
    }),
    ...change,
  } as Readings;
}

function policy(change: object = {}) {
  const parsed = parseCompiled({
    version: 1,
    name: 'p',
    access: {},
    checks: { firewall: { weight: 60, grace: { hours: 72 } } },
    courses: { firewall: { since: NOW - HOUR_MS, failedAt: NOW - HOUR_MS } },
    ...change,
  });
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

const decision = {
  access: 'allow',
  risk: { score: 0, level: 'low' },
  reason: 'ok',
  sentence: 'Fine.',
  since: AT,
  until: '9999-12-31T23:59:59.999Z',
  policy: 'p',
  mode: 'enforce',
  would: null,
  held: null,
  deadline: null,
  remindedAt: null,
  snoozedUntil: null,
} as const;

const vpn = {
  driver: 'linux',
  observing: null,
  block: 'none' as const,
  live: false,
  interfaces: [] as string[],
  isolated: false,
  holders: [] as [],
  problem: null,
  lastOrder: null,
};

function facts(change: Partial<TrayFacts> = {}, status: object = {}): TrayFacts {
  return {
    status: {
      version: '1.2.3',
      pid: 1,
      startedAt: AT,
      updatedAt: AT,
      server: 'https://posture.example.org',
      device: 'd',
      enrolment: 'enrolled',
      connection: { state: 'connected', since: AT, transport: 'websocket' },
      lastReportAt: AT,
      lastAckAt: AT,
      nextCollectionAt: null,
      decision,
      risk: null,
      firstToFix: null,
      spool: { reports: 0, bytes: 0, dropped: 0, problem: null },
      keyProtection: null,
      clockOffsetMs: 0,
      crashes: 0,
      pace: null,
      inventory: null,
      vpn,
      certificate: null,
      managed: null,
      standingUntil: null,
      ...status,
    } as TrayFacts['status'],
    readings: readings(),
    policy: policy(),
    platform: 'linux',
    offers: new Map(),
    snoozedUntil: null,
    canReconnect: true,
    days: [],
    ...change,
  };
}

const seen = (given: TrayFacts) => trayStatus().parse(trayStatusOf(given, NOW));

test('a grace that runs: amber, with the deadline and what access becomes at it', () => {
  const { colour, because, problems } = seen(facts());
  expect([colour, because]).toEqual(['amber', 'deadline']);
  expect(problems).toMatchObject([
    {
      check: 'firewall',
      reason: 'firewall-off',
      level: 'warn',
      deadline: '2026-11-23T09:00:00.000Z',
      then: 'deny',
      snoozedUntil: null,
    },
  ]);
});

test.each<[string, object, object, unknown]>([
  ['a lighter weight', { checks: { firewall: { weight: 30, grace: { hours: 72 } } } }, {}, 'restrict'],
  [
    'too light for any consequence',
    { checks: { firewall: { weight: 5, grace: { hours: 72 } } } },
    {},
    'allow',
  ],
  ['a policy that only warns', {}, { decision: { ...decision, mode: 'warn' } }, 'allow'],
  ['a server that does not say what risk means', { access: undefined }, {}, null],
])('what access becomes: %s', (_name, change, status, then) => {
  expect(seen(facts({ policy: policy(change) }, status)).problems[0]?.then).toBe(then);
});

test('what the server alone can see goes first and cannot be read again', () => {
  const signalled = { ...decision, access: 'deny', reason: 'signal-high', sentence: 'An alert.' };
  const { colour, problems } = seen(facts({}, { decision: signalled }));
  expect(colour).toBe('red');
  expect(problems.map(({ reason, mayRecheck }) => [reason, mayRecheck])).toEqual([
    ['signal-high', false],
    ['firewall-off', true],
  ]);
});

test('a decision that is about to be renewed adds no problem that the device no longer has', () => {
  const mended = {
    firewall: reading({ state: 'on', inboundDefault: 'block', managedBy: null, profiles: [], stealth: null }),
  };
  const stale = { ...decision, reason: 'firewall-off', sentence: 'Off.' };
  const { colour, problems } = seen(facts({ readings: readings(mended) }, { decision: stale }));
  expect([colour, problems]).toEqual(['green', []]);
});

test('a snooze is shown with what has a deadline, until it ends', () => {
  expect(seen(facts({ snoozedUntil: NOW + HOUR_MS })).problems[0]?.snoozedUntil).toBe(
    '2026-11-20T11:00:00.000Z',
  );
  expect(seen(facts({ snoozedUntil: NOW })).problems[0]?.snoozedUntil).toBeNull();
});

test.each<[string, Partial<TrayFacts>, object, string]>([
  [
    'held',
    {},
    { vpn: { ...vpn, holders: [{ cause: 'standing', since: AT, until: null, reason: 'x' }] } },
    'held',
  ],
  ['isolated', {}, { vpn: { ...vpn, isolated: true } }, 'held'],
  ['denied', {}, { decision: { ...decision, access: 'deny' } }, 'denied'],
  ['connected', {}, { vpn: { ...vpn, live: true } }, 'connected'],
  [
    'no connection is set up',
    { readings: readings({ 'vpn-client': reading({ backends: [], profiles: [] }) }) },
    {},
    'no-profile',
  ],
  ['possible', {}, {}, 'possible'],
  ['not on this system', { canReconnect: false }, {}, 'unsupported'],
])('the VPN: %s', (_name, change, status, reconnect) => {
  expect(seen(facts(change, status)).vpn?.reconnect).toBe(reconnect);
});

test('before the first collection it is grey, with all that will be read', () => {
  const { colour, because, problems, collected, risk } = seen(facts({ readings: null }));
  expect([colour, because, problems, risk]).toEqual(['grey', 'starting', [], null]);
  expect(collected.map(({ check }) => check)).toEqual(checkIds);
});
