import { expect, test } from 'vitest';
import { decision, verdict } from '../../src/wire/decision.ts';

test('what a server without fairness says is read: enforced, nothing held, no deadline', () => {
  const old = {
    access: 'restrict',
    risk: { score: 40, level: 'medium' },
    reason: 'disk-plain',
    sentence: 'Your disk is not encrypted.',
    since: '2026-11-20T10:00:00.000Z',
    until: '2026-11-20T10:01:30.000Z',
    policy: 'default',
  };
  expect(decision.parse(old)).toEqual({
    ...old,
    mode: 'enforce',
    would: null,
    held: null,
    deadline: null,
    remindedAt: null,
    snoozedUntil: null,
  });
  const found = { check: 'firewall', level: 'fail', expected: 'on', given: 'off', reason: 'firewall-off' };
  expect(verdict.parse({ ...found, sentence: 'x' })).toEqual({
    ...found,
    sentence: 'x',
    points: 0,
    since: null,
    until: null,
  });
});
