import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkIds } from '../../collectors/specs.ts';
import { reportClaims } from '../../src/wire/report-claims.ts';
import { changed, contentDigest, fromWire, sameSubstance, toWire } from '../../src/wire/report.ts';
import { EAT_PROFILE } from '../../src/wire/version.ts';
import { unreadReadings } from './fixtures.ts';

const AT = '2026-11-20T10:00:00.000Z';
const LATER = '2026-11-20T10:05:00.000Z';
const plain = { state: 'known', fact: { system: 'plain', volumes: [] }, at: AT, tookMs: 3 } as const;

describe('readings on the wire', () => {
  test('come back as they were', () => {
    const readings = {
      ...unreadReadings(AT),
      'disk-encryption': { ...plain, fact: { ...plain.fact, volumes: [] } },
    };
    expect(fromWire(toWire(readings))).toEqual({ ok: true, value: { readings, raw: {} } });
  });

  test('an unknown check, and a newer version of a known one, are kept as they came', () => {
    const wire = { ...toWire({ 'disk-encryption': { ...plain, fact: { system: 'plain', volumes: [] } } }) };
    const future = { v: 1, state: 'known' as const, fact: { moon: 'full' }, at: AT, tookMs: 1 };
    const parsed = fromWire({ ...wire, 'moon-phase': future, firewall: { ...future, v: 99 } });
    expect(parsed).toMatchObject({ ok: true, value: { raw: { 'moon-phase': future, firewall: { v: 99 } } } });
    expect(parsed.ok && Object.keys(parsed.value.readings)).toEqual(['disk-encryption']);
  });

  test('a fact without its check’s shape refuses the report and names the check', () => {
    const wrong = { v: 1, state: 'known' as const, fact: { system: 'very' }, at: AT, tookMs: 1 };
    expect(fromWire({ 'disk-encryption': wrong })).toMatchObject({
      ok: false,
      error: { check: 'disk-encryption' },
    });
  });
});

describe('delta', () => {
  test('holds what says something else, not what was merely read again', () => {
    const before = unreadReadings(AT);
    expect(changed(before, unreadReadings(LATER))).toEqual({});
    const now = {
      ...unreadReadings(LATER),
      'disk-encryption': { ...plain, fact: { system: 'plain' as const, volumes: [] } },
    };
    expect(Object.keys(changed(before, now))).toEqual(['disk-encryption']);
  });

  test('the order of members makes no difference', () => {
    const a = { ...plain, fact: { system: 'plain', volumes: [] } } as const;
    const b = { ...plain, fact: { volumes: [], system: 'plain' } } as const;
    expect(sameSubstance(a, b)).toBe(true);
  });

  test('base and delta together have the digest of the whole', () => {
    fc.assert(
      fc.property(fc.subarray(checkIds), (ids) => {
        const before = unreadReadings(AT);
        const news = ids.map((id) => [id, { state: 'unknown', why: 'denied', detail: 'x', at: LATER }]);
        const now = { ...unreadReadings(LATER), ...Object.fromEntries(news) };
        const merged = { ...before, ...changed(before, now) };
        return contentDigest(LATER, merged) === contentDigest(LATER, now);
      }),
    );
  });
});

describe('claims', () => {
  const claims = {
    iss: 'urn:drawbridge:device:x',
    aud: 'urn:drawbridge:server:y',
    iat: 1_795_003_600,
    jti: '01930000-0000-7000-8000-000000000000',
    eat_profile: EAT_PROFILE,
    eat_nonce: 'q0Lr3bXk0f7mB2cV9sT1Zg',
    ueid: 'AWajqQtQevmlnJS0DQeNxcQ',
    swname: 'drawbridge',
    swversion: ['0.1.0', 'semver'],
    kind: 'heartbeat',
    seq: 7,
    boot: 'q0Lr3bXk0f7mB2cV9sT1Zg',
    base: { seq: 6, dig: 'sha-256:x' },
    collected_at: AT,
  };

  test('parse, and members that a newer agent adds are ignored', () => {
    expect(reportClaims.parse({ ...claims, moon: 'full' })).toMatchObject({ seq: 7, dropped: 0, cfg: null });
  });

  test.each([
    ['another profile', { eat_profile: 'tag:else.example,2026:posture#1' }],
    ['a short nonce', { eat_nonce: 'abc' }],
    ['a ueid of another type', { ueid: 'AmajqQtQevmlnJS0DQeNxcQ' }],
    ['a negative sequence', { seq: -1 }],
    ['an id that is no UUIDv7', { jti: 'rep_1' }],
    ['a time that is no time', { collected_at: 'yesterday' }],
  ])('%s is refused', (_name, change) => {
    expect(reportClaims.safeParse({ ...claims, ...change }).success).toBe(false);
  });
});
