import { describe, expect, test } from 'vitest';
import type { Readings } from '../../collectors/specs.ts';
import type { Reading } from '../../src/base/reading.ts';
import { judge } from '../../src/policy/judge.ts';
import { parsePolicy } from '../../src/policy/policy-text.ts';
import { isWhole } from '../../src/policy/tags.ts';

const parsed = parsePolicy(`
version: 1
name: test
tags:
  edr: { linux: { service: { name: falcon-sensor } }, macos: { service: { name: com.example.edr } } }
  lsa: { windows: { registry: { key: 'HKLM\\SYSTEM\\X', value: RunAsPPL, equals: 1 } } }
checks:
  tags:
    unknown: { graceHours: 24, then: fail }
    expect: { required: [edr, lsa] }
`);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
const policy = parsed.value;

const NOW = Date.parse('2026-11-20T10:00:00Z');
const HOUR = 3_600_000;
const known = (fact: unknown): Reading<never> => ({
  state: 'known',
  fact: fact as never,
  at: new Date(NOW).toISOString(),
  tookMs: 1,
});
const tagsOf = (tags: unknown, platform: string | null = 'linux', since = NOW) => {
  const version = platform === null ? {} : { 'os-version': known({ platform, family: platform }) };
  const readings = { ...version, tags: known(tags) } as Partial<Readings>;
  return judge(readings, policy, NOW, { tags: since }).find(({ check }) => check === 'tags');
};

describe('tags', () => {
  test.each([
    [{ edr: true }, 'pass', 'ok'],
    [{ edr: false }, 'fail', 'tag-not-met'],
    [{ edr: { unknown: 'denied' } }, 'unknown', 'tags-unknown'],
    [{}, 'unknown', 'tags-unknown'],
    // What was not asked of this system does not count, whatever it says of it.
    [{ edr: true, lsa: false }, 'pass', 'ok'],
  ])('%j: %s', (tags, level, reason) => {
    expect(tagsOf(tags)).toMatchObject({ level, reason });
  });

  test('an unknown tag follows the row of its check, and says which and why', () => {
    expect(tagsOf({ edr: { unknown: 'denied' } })?.given).toBe('not known: edr (denied)');
    expect(tagsOf({ edr: { unknown: 'denied' } }, 'linux', NOW - 25 * HOUR)).toMatchObject({ level: 'fail' });
  });

  test('one false tag fails whatever else is unknown; without a system every tag counts', () => {
    expect(tagsOf({ edr: false, lsa: { unknown: 'failed' } }, null)).toMatchObject({ level: 'fail' });
    expect(tagsOf({ edr: true }, null)).toMatchObject({ level: 'unknown' });
  });

  test('a reading with an open tag is not whole: its grace runs from when all were known', () => {
    expect(isWhole('tags', known({ a: true, b: false }))).toBe(true);
    expect(isWhole('tags', known({ a: true, b: { unknown: 'failed' } }))).toBe(false);
    expect(isWhole('agent', known({}))).toBe(true);
  });
});
