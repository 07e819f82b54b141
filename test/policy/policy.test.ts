import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkIds } from '../../collectors/specs.ts';
import { parsePolicy } from '../../src/policy/policy-text.ts';

const text = readFileSync(join(import.meta.dirname, '../../src/policy/default-policy.yaml'), 'utf8');

describe('the policy file', () => {
  test('the default names every check', () => {
    const parsed = parsePolicy(text);
    expect(parsed.ok).toBe(true);
    for (const id of checkIds) expect(text).toMatch(new RegExp(`^  ${id}:`, 'm'));
  });

  test('a file of two lines is a whole policy', () => {
    expect(parsePolicy('version: 1\nname: small\n')).toMatchObject({
      ok: true,
      value: { access: { high: 'deny' }, checks: { firewall: { weight: 10 } } },
    });
  });

  test.each([
    ['firewall:', 'firewal:', 'did you mean "firewall"?'],
    ['graceHours: 24', 'gracehours: 24', 'did you mean "graceHours"?'],
    ['then: fail', 'then: fial', 'did you mean "fail"?'],
    ['medium: 20', 'medium: 70', 'lower than high'],
    ['weight: 60', 'weight: 600', '100'],
    ['version: 1', 'version: 2', '1'],
    ['maxPendingSecurity: 0', 'maxPendingSecurity: none', 'number'],
    ['name: default', 'name: default\nname: twice', 'unique'],
  ])('%s written as %s is refused with its place and what would be right', (right, wrong, says) => {
    const line = text.slice(0, text.indexOf(right)).split('\n').length;
    const parsed = parsePolicy(text.replace(right, wrong));
    expect(parsed.ok).toBe(false);
    const problem = parsed.ok ? undefined : parsed.error[0];
    expect(problem?.message.toLowerCase()).toContain(says.toLowerCase());
    expect(Math.abs((problem?.line ?? 0) - line)).toBeLessThanOrEqual(1);
    expect(problem?.column).toBeGreaterThan(0);
  });
});
