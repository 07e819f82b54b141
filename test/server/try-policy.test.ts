import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Policy } from '../../src/policy/policy.ts';
import { createBreaker } from '../../src/server/breaker.ts';
import { judgeDue } from '../../src/server/rejudge.ts';
import { named } from '../../src/server/standing.ts';
import { tryPolicy } from '../../src/server/try-policy.ts';
import { startJudging, type JudgingRig } from './judging-rig.ts';
import { startRig } from './rig.ts';
import { defaultPolicy, MINUTE, reading } from './simulated-device.ts';
import { healthyReadings, PLAIN_DISK } from './fixtures.ts';

const plain = reading('disk-encryption', { system: 'plain' });
const denying = defaultPolicy(['medium: restrict', 'medium: deny']);

let rig: JudgingRig;
beforeAll(async () => {
  rig = await startJudging(60, defaultPolicy());
});
afterAll(() => rig.close());

const tryOut = (policy: Policy) =>
  tryPolicy(rig.fleet.all(), { ...rig.parts.terms(), ...named(policy, null) }, rig.now);

/** Every device as it was at the beginning. */
async function anew(ill: readonly string[]): Promise<void> {
  rig.breaker = createBreaker();
  rig.change(rig.ids, reading('disk-encryption', {}));
  rig.use(defaultPolicy());
  await rig.tick(24 * 60 * MINUTE);
  rig.change(ill, plain);
  await rig.tick(MINUTE);
}

describe('a try-out', () => {
  test('says who would lose access and why, and changes nothing', async () => {
    await anew(rig.ids.slice(0, 3));
    const before = rig.counts();
    const result = await tryOut(denying);
    expect(result).toMatchObject({
      devices: 60,
      losing: 3,
      less: 3,
      more: 0,
      heldByBreaker: 0,
      before: { allow: 57, restrict: 3 },
      after: { allow: 57, deny: 3 },
    });
    expect(result.moves[0]).toMatchObject({
      from: { access: 'restrict' },
      to: { access: 'deny', sentence: expect.stringContaining('not encrypted') },
      change: 'loses',
    });
    expect(rig.counts()).toEqual(before);
    expect(rig.breaker.state().trippedAt).toBeNull();
  });

  test('counts those whom the breaker would only hold, and says how many', async () => {
    await anew(rig.ids.slice(0, 30));
    expect(await tryOut(denying)).toMatchObject({
      losing: 30,
      heldByBreaker: 30,
      after: { allow: 30, restrict: 30 },
    });
  });

  test('counts those who lost access shortly before with those who would', async () => {
    await anew([]);
    rig.use(denying);
    rig.change(rig.ids.slice(0, 6), plain);
    await rig.tick(MINUTE);
    expect(rig.counts()).toEqual({ allow: 54, deny: 6 });
    rig.change(rig.ids.slice(6, 12), plain);
    const { heldByBreaker, after } = await tryOut(denying);
    expect({ heldByBreaker, after }).toEqual({ heldByBreaker: 12, after: { allow: 48, restrict: 12 } });
    rig.use(denying);
    await judgeDue(rig.parts);
    expect(rig.counts()).toEqual(after);
  });

  test('equals what applying then does', async () => {
    const ills = [plain, reading('os-patch', { pendingSecurity: 3 }), reading('firewall', { state: 'off' })];
    const policy = fc.constantFrom(
      denying,
      defaultPolicy(['weight: 30', 'weight: 60'], ['hours: 72, as: notice', 'hours: 1, as: warn']),
      defaultPolicy([/^mode: enforce$/m, 'mode: warn']),
      defaultPolicy(['high: 60', 'high: 30'], ['devices: 10', 'devices: 1']),
      defaultPolicy(['groups: []', 'groups: [{ name: p, match: { percent: 40 }, mode: observe }]']),
    );
    const ill = fc.array(fc.record({ index: fc.nat(59), kind: fc.nat(2) }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(policy, ill, async (next, those) => {
        for (const { index, kind } of those) rig.change([rig.ids[index] ?? ''], ills[kind] ?? {});
        await rig.tick(MINUTE);
        const { after, moves } = await tryOut(next);
        rig.use(next);
        await judgeDue(rig.parts);
        expect(rig.counts()).toEqual(after);
        for (const { device, to } of moves) expect(rig.decision(device)).toMatchObject(to);
      }),
      { numRuns: 40 },
    );
  });
});

describe('the API', () => {
  test('tries a policy’s text on the devices that are there, and names what is wrong with a bad one', async () => {
    const server = await startRig();
    try {
      const link = await server.link({ name: 'anna' });
      const at = new Date(server.clock.now()).toISOString();
      await link.report({ readings: healthyReadings(at, { 'disk-encryption': PLAIN_DISK }) });
      const text =
        'version: 1\nname: next\naccess: { medium: deny }\nchecks: { disk-encryption: { floor: medium } }\n';
      const { status, body } = await server.admin.post('/v1/policy/try', { policy: text });
      expect(status).toBe(200);
      expect(body).toMatchObject({ losing: 1, moves: [{ name: 'anna', change: 'loses' }] });
      expect((await server.document(link.identity.device)).decision?.access).toBe('restrict');
      // By the baseline in force: the try-out knows what the shipped one says of this release, as judging does.
      const supported =
        'version: 1\nname: next\nchecks: { os-version: { weight: 60, floor: high, expect: { supportKnown: true, baselineMaxAgeDays: 3650 } } }\n';
      const known = await server.admin.post('/v1/policy/try', { policy: supported });
      expect(known).toMatchObject({ status: 200, body: { after: { allow: 1 } } });
      const bad = await server.admin.post('/v1/policy/try', {
        policy: 'version: 1\nname: x\nmode: enforced\n',
      });
      expect(bad).toMatchObject({ status: 400, body: { hint: expect.stringContaining('policy:3:1:') } });
    } finally {
      await server.close();
    }
  });
});
