import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { healthyReadings, PLAIN_DISK } from './fixtures.ts';
import { startRig, type Rig } from './rig.ts';
import { get, isIdentity, enrol, type TestLink } from './test-agent.ts';

let rig: Rig;
let link: TestLink;
beforeAll(async () => {
  rig = await startRig();
  link = await rig.link();
});
afterAll(() => rig.close());

const at = () => new Date(rig.clock.now()).toISOString();

test('while the database cannot be written nothing is acknowledged or decided, and afterwards all goes on', async () => {
  const { device } = link.identity;
  await link.report({ readings: healthyReadings(at()) });
  const token = await rig.token();
  const before = await rig.document(device);
  const plain = healthyReadings(at(), { 'disk-encryption': PLAIN_DISK });

  const holder = new DatabaseSync(rig.paths.database);
  holder.exec('begin immediate');
  expect(await link.report({ readings: plain })).toMatchObject({ t: 'nack', err: 'store_unavailable' });
  const refused = await enrol(rig.target, token);
  expect(refused).toMatchObject({ status: 503, body: { err: 'store_unavailable' } });
  expect(await get(rig.target, '/healthz')).toMatchObject({
    status: 503,
    body: { status: 'store_unavailable' },
  });
  const { lastSeen, decision, readings } = await rig.document(device);
  expect({ lastSeen, decision, readings }).toEqual({
    lastSeen: before.lastSeen,
    decision: before.decision,
    readings: before.readings,
  });
  // However long that takes, nobody is held to have been silent meanwhile.
  rig.clock.advance(600_000);
  expect(await link.heartbeat()).toMatchObject({ t: 'nack' });
  holder.exec('rollback');
  holder.close();

  await expect.poll(() => get(rig.target, '/healthz'), { timeout: 5_000 }).toMatchObject({ status: 200 });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await rig.document(device)).toMatchObject({ decision: { access: 'allow', reason: 'ok' } });
  const still = healthyReadings(at(), { 'disk-encryption': PLAIN_DISK });
  expect(await link.report({ readings: still })).toMatchObject({
    t: 'ack',
    decision: { access: 'restrict' },
  });
  // The token that the failed attempt carried was not used up.
  expect(isIdentity(await enrol(rig.target, token, { now: rig.clock.now }))).toBe(true);
}, 30_000);
