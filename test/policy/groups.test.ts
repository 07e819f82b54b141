import { randomUUIDv7 } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { modeFor, shareOf, type Traits } from '../../src/policy/groups.ts';
import { parsePolicy } from '../../src/policy/policy-text.ts';
import type { Policy } from '../../src/policy/policy.ts';

const laptop: Traits = { id: randomUUIDv7(), tags: [], directoryGroups: [] };

function policyWith(rest: string): Policy {
  const parsed = parsePolicy(`version: 1\nname: small\n${rest}`);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
}

describe('groups', () => {
  test('the first that a device is in says the mode; all that a group names has to hold', () => {
    const policy = policyWith(`mode: enforce
groups:
  - { name: IT pilot, match: { tags: [pilot], directoryGroups: [it, lab] }, mode: warn }
  - { name: lab, match: { directoryGroups: [lab] }, mode: observe }
  - { name: one, match: { devices: ['${laptop.id}'] }, mode: observe }
`);
    const mode = (traits: Partial<Traits>) => modeFor(policy, { ...laptop, id: randomUUIDv7(), ...traits });
    expect(mode({ tags: ['pilot'], directoryGroups: ['lab'] })).toEqual({ mode: 'warn', group: 'IT pilot' });
    expect(mode({ directoryGroups: ['lab'] })).toEqual({ mode: 'observe', group: 'lab' });
    expect(mode({ tags: ['pilot'] })).toEqual({ mode: 'enforce', group: null });
    expect(modeFor(policy, laptop)).toEqual({ mode: 'observe', group: 'one' });
  });

  test('a percentage is about that share of all devices, and raising it only adds some', () => {
    const ids = Array.from({ length: 4_000 }, () => randomUUIDv7());
    const inPercent = (percent: number) => {
      const policy = policyWith(`groups: [{ name: p, match: { percent: ${percent} }, mode: warn }]`);
      return ids.filter((id) => modeFor(policy, { ...laptop, id }).mode === 'warn');
    };
    const [none, ten, half, all] = [0, 10, 50, 100].map(inPercent);
    expect(none).toHaveLength(0);
    expect(Math.abs((ten?.length ?? 0) / 40 - 10)).toBeLessThan(2.5);
    expect(half).toEqual(expect.arrayContaining(ten ?? []));
    expect(all).toHaveLength(ids.length);
    for (const id of ids) expect(shareOf(id)).toBe(shareOf(id));
  });

  test.each([
    ['groups: [{ name: p, match: {}, mode: warn }]', 'whom it means'],
    ['groups: [{ name: p, match: { percent: 101 }, mode: warn }]', 'at most 100'],
    ['groups: [{ name: p, match: { devices: [laptop] }, mode: warn }]', 'uuid'],
    [
      'groups: [{ name: p, match: { percent: 1 }, mode: warn }, { name: p, match: { percent: 2 }, mode: warn }]',
      'two groups',
    ],
    ['mode: enforced', 'did you mean "enforce"'],
  ])('%s is refused', (rest, says) => {
    const parsed = parsePolicy(`version: 1\nname: small\n${rest}`);
    expect(parsed.ok).toBe(false);
    if (!parsed.ok) expect(parsed.error[0]?.message.toLowerCase()).toContain(says);
  });
});
