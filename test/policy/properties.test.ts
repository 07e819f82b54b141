import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkIds, type CheckId, type Readings } from '../../collectors/specs.ts';
import type { Reading } from '../../src/base/reading.ts';
import { NO_MEMORY } from '../../src/policy/memory.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { policySchema } from '../../src/policy/policy-schema.ts';
import { decide, type Evidence } from '../../src/server/decide.ts';
import { RISK_LEVELS } from '../../src/wire/decision.ts';
import { healthyReadings } from '../server/fixtures.ts';
import { HOUR, reading, START } from '../server/simulated-device.ts';

const AT = new Date(START).toISOString();
const healthy = healthyReadings(AT);

/** Facts with which a check fails, by whatever policy. */
const FAILING: Partial<Readings> = {
  ...reading('os-version', { endOfSupport: '2020-01-01' }),
  ...reading('os-patch', { pendingSecurity: 1_000 }),
  ...reading('disk-encryption', { system: 'plain' }),
  ...reading('antivirus', { products: [], active: null }),
  ...reading('detections', { open: [{ severity: 5, name: 'Trojan' } as never] }),
  ...reading('firewall', { state: 'off' }),
  ...reading('screen-lock', { users: [{ enabled: false } as never] }),
  ...reading('secure-boot', { secureBoot: 'off' }),
  ...reading('l2tp-server', { verdict: 'server' }),
  ...reading('vpn-client', { profiles: [{ name: 'p', ipsec: false, state: 'up' } as never] }),
  ...reading('agent', { integrity: false }),
};
const failingIds = Object.keys(FAILING) as CheckId[];

/** Facts that only warn. */
const WARNING: Partial<Readings> = {
  ...reading('os-patch', { rebootRequired: true }),
  ...reading('disk-encryption', { system: 'converting' }),
  ...reading('firewall', { state: 'partial' }),
  ...reading('detections', { open: [{ severity: 1, name: 'Nuisance' } as never] }),
};

const unknown: Reading<never> = { state: 'unknown', why: 'denied', detail: 'no rights', at: AT };
const inapplicable: Reading<never> = { state: 'unknown', why: 'not-applicable', detail: '', at: AT };

const checkPolicy = fc.record({
  weight: fc.integer({ min: 0, max: 100 }),
  required: fc.boolean(),
  floor: fc.constantFrom(...RISK_LEVELS),
  unknown: fc.record({
    graceHours: fc.integer({ min: 0, max: 100 }),
    then: fc.constantFrom('warn' as const, 'fail' as const),
  }),
  grace: fc.record({
    hours: fc.constantFrom(0, 1, 72),
    as: fc.constantFrom('notice' as const, 'warn' as const),
  }),
});

const policies: fc.Arbitrary<Policy> = fc
  .record({
    medium: fc.integer({ min: 1, max: 60 }),
    more: fc.integer({ min: 1, max: 40 }),
    access: fc.constantFrom(
      { medium: 'restrict' as const, high: 'deny' as const },
      { medium: 'allow' as const, high: 'quarantine' as const },
      { medium: 'deny' as const, high: 'deny' as const },
    ),
    mode: fc.constantFrom('observe' as const, 'warn' as const, 'enforce' as const),
    steadySeconds: fc.constantFrom(0, 60),
    checks: fc.record(Object.fromEntries(checkIds.map((id) => [id, checkPolicy]))),
  })
  .map(({ medium, more, access, mode, steadySeconds, checks }) =>
    policySchema.parse({
      version: 1,
      name: 'any',
      risk: { medium, high: medium + more },
      access,
      mode,
      fairness: { steadySeconds },
      checks,
    }),
  );

const readings: fc.Arbitrary<Partial<Readings>> = fc
  .record(
    Object.fromEntries(
      checkIds.map((id) => [
        id,
        fc.constantFrom(healthy[id], FAILING[id], WARNING[id], unknown, inapplicable, undefined),
      ]),
    ),
  )
  .map(
    (all) =>
      Object.fromEntries(Object.entries(all).filter(([, one]) => one !== undefined)) as Partial<Readings>,
  );

const hours = fc.constantFrom(0, 0.5, 1, 30, 72, 200);

/** Steps of a device's life: what it says, and how many hours after the last. */
const lives = fc.array(fc.record({ readings, hours }), { minLength: 1, maxLength: 4 });

/** One check's ups and downs, on a device that is well otherwise. */
const lifeOfOne = fc.constantFrom(...failingIds).chain((id) =>
  fc.record({
    id: fc.constant(id),
    steps: fc.array(
      fc.record({
        readings: fc
          .constantFrom(healthy[id], FAILING[id], WARNING[id], unknown)
          .map((one) => ({ ...healthy, [id]: one ?? unknown }) as Partial<Readings>),
        hours,
      }),
      { minLength: 1, maxLength: 3 },
    ),
  }),
);

function evidence(change: Partial<Evidence>, now: number): Evidence {
  return {
    readings: healthy,
    unknownSince: {},
    seenAt: now,
    factsAt: now,
    cloned: false,
    traits: { id: '01930000-0000-7000-8000-000000000000', tags: [], directoryGroups: [] },
    breakGlassUntil: null,
    memory: NO_MEMORY,
    ...change,
  };
}

/** Lives through the steps; answers with how the last one was decided, and with what came before it. */
function live(policy: Policy, steps: { readings: Partial<Readings>; hours: number }[], unknownFor = 0) {
  const terms = { policy, label: 'any', listeningSince: 0 };
  let now = START;
  let memory = NO_MEMORY;
  let previous = null;
  let decided = null;
  for (const step of steps) {
    now += step.hours * HOUR;
    const unknownSince = Object.fromEntries(checkIds.map((id) => [id, now - unknownFor * HOUR]));
    decided = decide(evidence({ readings: step.readings, memory, unknownSince }, now), terms, now, previous);
    ({ memory, decision: previous } = decided);
  }
  return { decided, memory, previous, now, terms };
}

const RANK = { low: 0, medium: 1, high: 2 };

describe('whatever the policy, the facts and the clock', () => {
  test('there is no decision without a reason', () => {
    fc.assert(
      fc.property(policies, lives, hours, fc.boolean(), (policy, steps, unknownFor, cloned) => {
        const { decided, memory, previous, now, terms } = live(policy, steps, unknownFor);
        const silence = { seenAt: now - unknownFor * HOUR, factsAt: now - unknownFor * HOUR, cloned };
        const silent = decide(evidence({ ...silence, memory }, now), terms, now, previous);
        for (const one of [decided, silent]) {
          const { access, would, held, reason, sentence } = one?.decision ?? silent.decision;
          expect(sentence).not.toBe('');
          if (access !== 'allow' || would !== null) expect(reason).not.toBe('ok');
          expect(would === null).toBe(held === null);
        }
      }),
    );
  });

  test('a failing fact added never lowers the risk', () => {
    fc.assert(
      fc.property(policies, lifeOfOne, hours, (policy, { id, steps }, unknownFor) => {
        const { decided, memory, previous, now, terms } = live(policy, steps, unknownFor);
        const worse = { ...steps.at(-1)?.readings, [id]: FAILING[id] };
        const unknownSince = Object.fromEntries(checkIds.map((one) => [one, now - unknownFor * HOUR]));
        const after = decide(evidence({ readings: worse, memory, unknownSince }, now), terms, now, previous);
        const before = decided?.decision.risk ?? { score: 0, level: 'low' as const };
        expect(after.decision.risk.score).toBeGreaterThanOrEqual(before.score);
        expect(RANK[after.decision.risk.level]).toBeGreaterThanOrEqual(RANK[before.level]);
      }),
      { numRuns: 1_000 },
    );
  });

  test('an unknown follows its row and nothing else', () => {
    fc.assert(
      fc.property(policies, lives, fc.constantFrom(...checkIds), hours, (policy, steps, id, unknownFor) => {
        const { memory, previous, now, terms } = live(policy, steps);
        const unknownSince = { [id]: now - unknownFor * HOUR };
        const { verdicts } = decide(
          evidence({ readings: { [id]: unknown }, memory, unknownSince }, now),
          terms,
          now,
          previous,
        );
        const verdict = verdicts.find(({ check }) => check === id);
        const { weight, required, unknown: row } = policy.checks[id];
        if (weight === 0 && !required) {
          expect(verdict).toBeUndefined();
          return;
        }
        const level = unknownFor >= row.graceHours ? row.then : 'unknown';
        const points = { unknown: 0, warn: Math.ceil(weight / 2), fail: weight }[level];
        expect(verdict).toMatchObject({ level, points, reason: `${id}-unknown` });
      }),
    );
  });
});
