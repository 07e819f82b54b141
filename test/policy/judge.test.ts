import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkIds, type CheckId, type Readings } from '../../collectors/specs.ts';
import type { Reading } from '../../src/base/reading.ts';
import { pointsFor } from '../../src/policy/grace.ts';
import { assess, firstToFix, judge, missingRequired } from '../../src/policy/judge.ts';
import { parsePolicy } from '../../src/policy/policy-text.ts';
import { rowOf, type Policy } from '../../src/policy/policy.ts';
import type { Verdict } from '../../src/wire/decision.ts';
import { unreadReadings } from '../wire/fixtures.ts';

const text = readFileSync(join(import.meta.dirname, '../../src/policy/default-policy.yaml'), 'utf8');
const parsed = parsePolicy(text);
if (!parsed.ok) throw new Error('the default policy does not parse');
const policy: Policy = parsed.value;

const NOW = Date.parse('2026-11-20T10:00:00Z');
const AT = new Date(NOW).toISOString();
const HOUR = 3_600_000;

const known = (fact: unknown): Reading<never> => ({ state: 'known', fact: fact as never, at: AT, tookMs: 1 });

const healthy: Readings = {
  ...unreadReadings(AT),
  'os-version': known({ platform: 'linux', family: 'debian', display: 'Debian 13', endOfSupport: null }),
  'os-patch': known({ manager: 'apt', pendingSecurity: 0, metadataAt: AT, rebootRequired: false }),
  'disk-encryption': known({ system: 'encrypted', volumes: [] }),
  'l2tp-server': known({ listening: [], services: [], verdict: 'none' }),
  agent: known({ version: '0.1.0', integrity: null, keyProtection: 'file' }),
};

const verdictOf = (readings: Partial<Readings>, id: CheckId, now = NOW, since = {}) =>
  judge(readings, policy, now, since).find((verdict) => verdict.check === id);

describe('judging', () => {
  test.each([
    ['disk-encryption', { system: 'plain', volumes: [] }, 'fail', 'disk-plain'],
    ['disk-encryption', { system: 'unprotected', volumes: [] }, 'fail', 'disk-unprotected'],
    ['disk-encryption', { system: 'converting', volumes: [] }, 'warn', 'disk-converting'],
    [
      'disk-encryption',
      { system: 'mixed', volumes: [{ mount: null, role: 'swap', encrypted: 'no' }] },
      'fail',
      'disk-mixed',
    ],
    ['disk-encryption', { system: 'encrypted', volumes: [] }, 'pass', 'ok'],
    ['os-patch', { pendingSecurity: 3, metadataAt: AT }, 'fail', 'patch-security-pending'],
    ['os-patch', { pendingSecurity: 0, metadataAt: '2026-10-01T00:00:00.000Z' }, 'warn', 'patch-stale'],
    ['os-patch', { pendingSecurity: null, metadataAt: AT, lastCheckedAt: null }, 'warn', 'patch-stale'],
    [
      'os-patch',
      { pendingSecurity: 0, metadataAt: null, lastCheckedAt: null, manager: 'none' },
      'warn',
      'patch-stale',
    ],
    [
      'os-patch',
      { pendingSecurity: 0, metadataAt: AT, rebootRequired: true, rebootReason: null },
      'warn',
      'patch-reboot',
    ],
    [
      'os-version',
      { family: 'debian', display: 'Debian 9', name: null, endOfSupport: '2022-06-30' },
      'fail',
      'os-end-of-life',
    ],
    ['l2tp-server', { verdict: 'server', listening: [], services: [] }, 'fail', 'l2tp-server-running'],
    ['l2tp-server', { verdict: 'client-only', listening: [], services: [] }, 'pass', 'ok'],
    ['firewall', { state: 'off', profiles: [] }, 'fail', 'firewall-off'],
    ['firewall', { state: 'partial', profiles: [] }, 'warn', 'firewall-partial'],
    ['antivirus', { products: [], active: null }, 'fail', 'av-missing'],
    ['antivirus', { products: [{ name: 'A' }], active: null }, 'fail', 'av-inactive'],
    [
      'antivirus',
      { products: [{ name: 'A', upToDate: false, definitionsAt: null }], active: 'A' },
      'warn',
      'av-outdated',
    ],
    ['detections', { open: [{ severity: 5, name: 'X' }] }, 'fail', 'detection-severe'],
    ['detections', { open: [{ severity: 2, name: 'X' }] }, 'warn', 'detection-open'],
    ['screen-lock', { users: [{ enabled: false }] }, 'fail', 'lock-off'],
    ['screen-lock', { users: [{ enabled: true, idleSeconds: 3600, delaySeconds: 0 }] }, 'warn', 'lock-slow'],
    ['secure-boot', { secureBoot: 'off', sip: null }, 'fail', 'secure-boot-off'],
    ['secure-boot', { secureBoot: 'on', sip: false }, 'fail', 'sip-off'],
    ['vpn-client', { profiles: [{ name: 'p', ipsec: false, state: 'up' }] }, 'fail', 'vpn-without-ipsec'],
    ['processes', { matches: [{ rule: 'miner', count: 1 }] }, 'fail', 'process-watched'],
    ['tags', {}, 'pass', 'ok'],
    ['agent', { integrity: false, version: '1' }, 'fail', 'agent-tampered'],
  ] as const)('%s %j is %s (%s)', (id, fact, level, reason) => {
    const verdict = verdictOf({ [id]: known(fact) }, id);
    expect(verdict).toMatchObject({ level, reason });
    expect(verdict?.sentence).toMatch(/\.$/);
  });

  test('unknown counts neither way for its hours of grace, then as the policy says', () => {
    const readings = {
      'disk-encryption': { state: 'unknown', why: 'denied', detail: 'needs root', at: AT },
    } as const;
    const at = (hours: number) =>
      verdictOf(readings, 'disk-encryption', NOW, { 'disk-encryption': NOW - hours * HOUR });
    expect(at(0)).toMatchObject({
      level: 'unknown',
      reason: 'disk-encryption-unknown',
      given: 'denied (needs root)',
    });
    expect(at(23.9)).toMatchObject({ level: 'unknown' });
    expect(at(24)).toMatchObject({ level: 'fail', reason: 'disk-encryption-unknown' });
  });

  test('what does not apply is not judged', () => {
    const reading = {
      state: 'unknown',
      why: 'not-applicable',
      detail: 'nobody is logged in',
      at: AT,
    } as const;
    expect(verdictOf({ 'screen-lock': reading }, 'screen-lock')).toBeUndefined();
  });

  test('a rule that throws makes its own check unknown and no other', () => {
    const verdicts = judge({ ...healthy, firewall: known(null) }, policy, NOW);
    expect(verdicts.find(({ check }) => check === 'firewall')).toMatchObject({
      level: 'unknown',
      reason: 'firewall-unknown',
    });
    expect(verdicts.find(({ check }) => check === 'disk-encryption')).toMatchObject({ level: 'pass' });
  });

  test('a healthy device is low risk, and nothing required is missing', () => {
    const verdicts = judge(healthy, policy, NOW);
    expect(assess(verdicts, policy)).toEqual({ score: 0, level: 'low' });
    expect(missingRequired(healthy, policy)).toEqual([]);
    expect(missingRequired({}, policy)).toEqual(['os-version', 'os-patch', 'disk-encryption', 'agent']);
  });

  test('one severe detection alone is high risk', () => {
    const readings = { ...healthy, detections: known({ open: [{ severity: 4, name: 'X' }] }) };
    expect(assess(judge(readings, policy, NOW), policy).level).toBe('high');
  });

  test('the heaviest fail is fixed first, then warnings, then unknowns', () => {
    const readings = {
      ...healthy,
      'disk-encryption': known({ system: 'plain', volumes: [] }),
      firewall: known({ state: 'off', profiles: [] }),
    };
    expect(firstToFix(judge(readings, policy, NOW), policy)).toMatchObject({ reason: 'disk-plain' });
    expect(firstToFix(judge(healthy, policy, NOW), policy)).toMatchObject({ level: 'unknown' });
    expect(firstToFix([], policy)).toBeNull();
  });
});

describe('properties', () => {
  const verdicts = fc.uniqueArray(fc.constantFrom(...checkIds), { selector: (id) => id }).chain((ids) =>
    fc.tuple(
      ...ids.map((check) =>
        fc.constantFrom('pass', 'warn', 'fail', 'unknown').map(
          (level) =>
            ({
              check,
              level,
              points: pointsFor(level, policy.checks[check].weight),
              reason: 'ok',
            }) as unknown as Verdict,
        ),
      ),
    ),
  );
  const worse = { pass: 'warn', unknown: 'warn', warn: 'fail', fail: 'fail' } as const;
  const rank = { low: 0, medium: 1, high: 2 };
  const worsened = (one: Verdict): Verdict => {
    const level = worse[one.level];
    return { ...one, level, points: pointsFor(level, rowOf(policy, one.check).weight) };
  };

  test('making a verdict worse never lowers the risk', () => {
    fc.assert(
      fc.property(verdicts, fc.nat(), (list, pick) => {
        fc.pre(list.length > 0);
        const index = pick % list.length;
        const changed = list.map((one, at) => (at === index ? worsened(one) : one));
        const before = assess(list, policy);
        const after = assess(changed, policy);
        return after.score >= before.score && rank[after.level] >= rank[before.level];
      }),
    );
  });

  test('no reading gives a verdict without a reason or a sentence, whatever the fact', () => {
    fc.assert(
      fc.property(fc.constantFrom(...checkIds), fc.anything(), (id, fact) => {
        for (const verdict of judge({ [id]: known(fact) }, policy, NOW)) {
          if (verdict.reason === undefined || verdict.sentence.length === 0) return false;
          if (verdict.level !== 'pass' && verdict.reason === 'ok') return false;
        }
        return true;
      }),
    );
  });
});
