import { describe, expect, test } from 'vitest';
import { BREAKER_AT_REST, createBreaker, parseBreaker, type Pending } from '../../src/server/breaker.ts';
import { heldByBreaker } from '../../src/server/decide.ts';
import type { Access, Decision } from '../../src/wire/decision.ts';
import { defaultPolicy, MINUTE, reading, SimulatedDevice, START } from './simulated-device.ts';

const limits = { percent: 5, devices: 10, minutes: 10 };
const { decision: healthy } = new SimulatedDevice(defaultPolicy()).after(0);

function pending(
  id: number,
  access: Access,
  previous: Partial<Decision> | null = {},
  severe = false,
): Pending {
  return {
    id: `device-${id}`,
    decided: { decision: { ...healthy, access }, severe },
    previous: previous === null ? null : { ...healthy, ...previous },
  };
}

/** How many of these are held when they come one after another. */
function heldOf(breaker = createBreaker(), count = 200, fleet = 1_000, everyMs = 1): number {
  let held = 0;
  for (let id = 0; id < count; id += 1) {
    if (breaker.holds(pending(id, 'deny'), fleet, limits, START + id * everyMs)) held += 1;
  }
  return held;
}

describe('the breaker', () => {
  test('lets the share through that the policy believes, and holds what goes beyond it', () => {
    expect(heldOf(createBreaker(), 50)).toBe(0);
    expect(heldOf(createBreaker(), 200)).toBe(150);
    expect(heldOf(createBreaker(), 9, 20)).toBe(0);
    expect(heldOf(createBreaker(), 10, 20)).toBe(1);
  });

  test('counts within its minutes only', () => {
    expect(heldOf(createBreaker(), 200, 1_000, MINUTE)).toBe(0);
  });

  test('holds a whole round that would be too much, before any of it is in force', () => {
    const breaker = createBreaker();
    const round = Array.from({ length: 200 }, (_, id) => pending(id, 'deny'));
    expect(breaker.expect(round, 1_000, limits, START)).toBe(true);
    expect(round.every((one) => breaker.holds(one, 1_000, limits, START))).toBe(true);
    expect(breaker.state()).toEqual({ trippedAt: START, openUntil: null });
  });

  test('quarantine is loss of access too; who had none, and severe detections, are not its matter', () => {
    const breaker = createBreaker({ trippedAt: START, openUntil: null });
    const holds = (one: Pending) => breaker.holds(one, 1_000, limits, START + 1);
    expect(holds(pending(1, 'quarantine'))).toBe(true);
    expect(holds(pending(2, 'restrict'))).toBe(false);
    expect(holds(pending(3, 'deny', {}, true))).toBe(false);
    const longAgo = { access: 'deny' as const, since: new Date(START - 11 * MINUTE).toISOString() };
    expect(holds(pending(4, 'deny', longAgo))).toBe(false);
    expect(holds(pending(5, 'deny', null))).toBe(true);
  });

  test('fetches back who lost access just before it tripped', () => {
    const breaker = createBreaker();
    heldOf(breaker, 60);
    expect(breaker.takeWave()).toHaveLength(51);
    expect(breaker.takeWave()).toEqual([]);
    const justNow = { access: 'deny' as const, since: new Date(START).toISOString() };
    expect(breaker.holds(pending(1, 'deny', justNow), 1_000, limits, START + 100)).toBe(true);
  });

  test('holds nothing for a while once a person has confirmed', () => {
    const breaker = createBreaker({ trippedAt: START, openUntil: null });
    breaker.set({ trippedAt: null, openUntil: START + 10 * MINUTE });
    expect(heldOf(breaker, 200)).toBe(0);
    expect(breaker.unsaved()).toBeNull();
  });

  test('says what is not yet on disk, and reads what is', () => {
    const breaker = createBreaker();
    heldOf(breaker);
    const state = breaker.unsaved();
    expect(state).not.toBeNull();
    expect(parseBreaker(JSON.stringify(state))).toEqual(breaker.state());
    if (state !== null) breaker.saved(state);
    expect(breaker.unsaved()).toBeNull();
    expect(parseBreaker('{')).toEqual(BREAKER_AT_REST);
  });

  test('what it holds is restrict, with what risk asks for beside it', () => {
    const device = new SimulatedDevice(defaultPolicy(['high: 60', 'high: 30']));
    const before = device.after(0).decision;
    const { decision } = device.after(MINUTE, reading('disk-encryption', { system: 'plain' }));
    expect(decision.access).toBe('deny');
    expect(heldByBreaker(decision, device.now, before)).toMatchObject({
      access: 'restrict',
      would: 'deny',
      held: 'breaker',
      reason: 'disk-plain',
      since: new Date(device.now).toISOString(),
    });
  });
});
