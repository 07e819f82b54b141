import { expect, test } from 'vitest';
import type { Holder } from '../../src/agent/holders.ts';
import { standingStep, type StandingRules } from '../../src/agent/standing-step.ts';
import type { CheckId } from '../../collectors/specs.ts';
import type { Level, RiskLevel, Verdict } from '../../src/wire/decision.ts';

const NOW = Date.UTC(2026, 10, 28);
const HOUR = 3_600_000;

const verdict = (check: CheckId, level: Level): Verdict => ({
  check,
  level,
  expected: '',
  given: '',
  reason: 'ok',
  points: 0,
  sentence: `${check} ${level}`,
  since: null,
  until: null,
});

function judged(level: RiskLevel, ...verdicts: Verdict[]) {
  return { verdicts, risk: { score: 0, level }, firstToFix: verdicts[0] ?? null };
}

const rules = (change: Partial<StandingRules['standing']> = {}, breakGlassUntil: number | null = null) => ({
  standing: { deny: 'high' as const, serverSilentHours: null, ...change },
  breakGlassUntil,
});

const bad = judged('high', verdict('detections', 'fail'), verdict('firewall', 'pass'));
const good = judged('low', verdict('detections', 'pass'), verdict('firewall', 'pass'));
const held = standingStep(null, rules(), { judged: bad, heardAt: null, now: NOW }) as Holder;

test('a bad judgement holds, with the reason and the checks that failed', () => {
  expect(held).toEqual({
    since: NOW,
    until: null,
    reason: 'detections fail',
    profiles: null,
    order: null,
    checks: ['detections'],
  });
});

test('it stays as it is while nothing changes, and is lifted once the judgement is better', () => {
  expect(standingStep(held, rules(), { judged: bad, heardAt: null, now: NOW + HOUR })).toBe('keep');
  expect(standingStep(held, rules(), { judged: good, heardAt: null, now: NOW + HOUR })).toBeNull();
  expect(standingStep(null, rules(), { judged: good, heardAt: null, now: NOW })).toBe('keep');
});

test('a check that was bad and cannot be read any more is not better', () => {
  const unclear = judged('low', verdict('detections', 'unknown'), verdict('firewall', 'pass'));
  expect(standingStep(held, rules(), { judged: unclear, heardAt: null, now: NOW })).toBe('keep');
  const elsewhere = judged('low', verdict('detections', 'pass'), verdict('firewall', 'unknown'));
  expect(standingStep(held, rules(), { judged: elsewhere, heardAt: null, now: NOW })).toBeNull();
});

test('another check that fails is noted, and the holder keeps its beginning', () => {
  const worse = judged('high', verdict('detections', 'fail'), verdict('firewall', 'fail'));
  expect(standingStep(held, rules(), { judged: worse, heardAt: null, now: NOW + HOUR })).toMatchObject({
    since: NOW,
    checks: ['detections', 'firewall'],
  });
});

test.each<[string, StandingRules | null]>([
  ['without a policy in force', null],
  ['where the policy says never', rules({ deny: 'never' })],
  ['under break-glass', rules({ serverSilentHours: 1 }, NOW + HOUR)],
])('%s nothing is held, and what was is lifted', (_when, given) => {
  const evidence = { judged: bad, heardAt: NOW - 100 * HOUR, now: NOW };
  expect(standingStep(null, given, evidence)).toBe('keep');
  expect(standingStep(held, given, { ...evidence, judged: good })).toBeNull();
});

test('a break-glass that is over counts no more', () => {
  const evidence = { judged: bad, heardAt: null, now: NOW };
  expect(standingStep(null, rules({}, NOW - 1), evidence)).toMatchObject({ reason: 'detections fail' });
});

test('medium counts where the policy says so', () => {
  const medium = judged('medium', verdict('firewall', 'warn'));
  expect(standingStep(null, rules(), { judged: medium, heardAt: null, now: NOW })).toBe('keep');
  expect(
    standingStep(null, rules({ deny: 'medium' }), { judged: medium, heardAt: null, now: NOW }),
  ).toMatchObject({
    checks: ['firewall'],
  });
});

test('a server that was not heard for the policy’s hours holds; one that never was heard does not', () => {
  const silent = rules({ serverSilentHours: 2 });
  const step = (heardAt: number | null) => standingStep(null, silent, { judged: good, heardAt, now: NOW });
  expect(step(NOW - 2 * HOUR)).toMatchObject({ reason: expect.stringContaining('2 hours'), checks: [] });
  expect(step(NOW - HOUR)).toBe('keep');
  expect(step(null)).toBe('keep');
});
