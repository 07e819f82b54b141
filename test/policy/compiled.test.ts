import { describe, expect, test } from 'vitest';
import { compile, parseCompiled } from '../../src/policy/compiled.ts';
import { parsePolicy } from '../../src/policy/policy-text.ts';
import type { Policy } from '../../src/policy/policy.ts';

function policyWith(rest: string): Policy {
  const parsed = parsePolicy(`version: 1\nname: small\n${rest}`);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
}

const policy = policyWith(`
standing: { deny: high }
groups: [{ name: board, match: { directoryGroups: [board members], devices: ['01a1f8e9-5504-7ee0-bb78-07c5921ddee2'] }, mode: warn }]
checks:
  firewall: { weight: 0 }
  os-patch: { weight: 30, expect: { maxPendingSecurity: 2 } }
`);
const personal = {
  mode: 'enforce' as const,
  courses: { 'os-patch': { since: 1, failedAt: 1, spent: false } },
  unknownSince: { firewall: 2 },
  held: false,
};

describe('what a device is given of the policy', () => {
  test('is what it needs to judge itself, without anybody else in it', () => {
    const compiled = compile(policy, personal);
    expect(JSON.stringify(compiled)).not.toMatch(/board|01a1f8e9|percent/);
    expect(Object.keys(compiled.checks)).not.toContain('firewall');
    const read = parseCompiled(JSON.parse(JSON.stringify(compiled)));
    expect(read).toMatchObject({
      ok: true,
      value: {
        standing: { deny: 'high' },
        courses: personal.courses,
        unknownSince: { firewall: 2 },
        checks: { firewall: { weight: 0 }, 'os-patch': policy.checks['os-patch'] },
      },
    });
  });

  test('holds the questions that its own system is asked, and none that this agent does not know', () => {
    const asking = policyWith(`
watch: { remote: { windows: [anydesk.exe], linux: [anydesk] } }
tags:
  edr: { linux: { service: { name: falcon-sensor } }, windows: { service: { name: CSFalconService } } }
`);
    const { tags, ...rest } = compile(asking, { ...personal, platform: 'linux' });
    expect(JSON.stringify({ tags, rest })).not.toMatch(/anydesk\.exe|CSFalconService/);
    const newer = {
      ...rest,
      tags: { ...tags, odd: { linux: { weather: 1 } }, secret: { linux: { file: { path: '/etc/shadow' } } } },
    };
    const read = parseCompiled(JSON.parse(JSON.stringify(newer)));
    expect(read).toMatchObject({
      ok: true,
      value: { watch: { remote: { linux: ['anydesk'], windows: [] } } },
    });
    expect(read.ok && read.value.tags).toEqual({
      edr: { linux: { service: { name: 'falcon-sensor', state: 'running' } } },
    });
  });

  test('lets a device that is not cut cut nothing by itself', () => {
    for (const change of [{ mode: 'warn' as const }, { mode: 'observe' as const }, { held: true }]) {
      expect(compile(policy, { ...personal, ...change }).standing.deny).toBe('never');
    }
  });

  test('can be read although a newer server says more, but not when it is wrong', () => {
    const { checks, ...rest } = compile(policy, personal);
    const newer = {
      ...rest,
      weather: 'fine',
      checks: {
        ...checks,
        horoscope: { weight: 100 },
        'os-patch': { weight: 30, moon: 1, expect: { maxPendingSecurity: 2, stars: [1] } },
      },
    };
    expect(parseCompiled(newer)).toMatchObject({
      ok: true,
      value: { checks: { 'os-patch': { weight: 30, expect: { maxPendingSecurity: 2 } } } },
    });
    expect(parseCompiled({ ...newer, checks: { 'os-patch': { weight: 'much' } } })).toEqual({
      ok: false,
      error: 'malformed',
    });
    expect(parseCompiled(null)).toEqual({ ok: false, error: 'malformed' });
  });
});
