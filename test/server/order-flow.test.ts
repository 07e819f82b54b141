import { createPublicKey, diffieHellman } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateJwk, importJwk, softwareSigner } from '../../src/wire/software-key.ts';
import { openProfile } from '../../src/wire/sealed-profile.ts';
import { setVpn } from '../../src/wire/vpn.ts';
import { healthyReadings, profileFact } from './fixtures.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { connected, type TestLink } from './test-agent.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

type State = 'up' | 'down' | 'denied';

const at = () => new Date(rig.clock.now()).toISOString();
const shown = async (link: TestLink) => (await rig.document(link.identity.device)).orders;
const first = (link: TestLink) =>
  expectEventually(
    () => shown(link),
    ([order]) => order !== undefined,
  );
const stateIs = (link: TestLink, state: string) =>
  expectEventually(
    () => shown(link),
    ([order]) => order?.state === state,
  );

/** A healthy report with the one profile in this state. */
const report = (link: TestLink, state: State, name = 'office') =>
  link.report({
    readings: healthyReadings(at(), {
      'vpn-client': { backends: ['networkmanager'], profiles: [profileFact(name, state)] },
    }),
  });

const ask = (link: TestLink, body: object) =>
  rig.admin.post(`/v1/devices/${link.identity.device}/orders`, body);

const done = (link: TestLink, order: Awaited<ReturnType<TestLink['order']>>, results: object = {}) =>
  link.receipt(order, 200, 'done', {
    oc2: { status: 200, status_text: 'done', results: { at: at(), ...results } },
  });

/** An order that the device has done; whatever was asked of it. */
async function obeyed(link: TestLink, body: object, results?: object) {
  await ask(link, body);
  const order = await link.order();
  await done(link, order, results);
  await link.next('receipt-ack');
  return order;
}

describe('an order that was done', () => {
  test('is proven by the next report that shows it, not by the one before', async () => {
    const link = await rig.link();
    await report(link, 'up');
    await ask(link, { action: 'deny', cause: 'laptop was lost' });
    const order = await link.order();
    expect(order).toMatchObject({ oc2: { action: 'deny' }, cause: { reason: 'laptop was lost' } });
    expect(await shown(link)).toMatchObject([{ state: 'sent', actor: 'admin', cause: 'laptop was lost' }]);
    await link.receipt(order, 102, 'processing', { phase: 'received' });
    await link.next('receipt-ack');
    expect(await shown(link)).toMatchObject([{ state: 'received' }]);
    await done(link, order);
    await link.next('receipt-ack');
    expect(await shown(link)).toMatchObject([{ state: 'done', status: 200 }]);
    await report(link, 'denied');
    expect((await stateIs(link, 'proven'))[0]).toMatchObject({ status: 200 });
  });

  test('is proven also where the report overtakes the receipt', async () => {
    const link = await rig.link();
    await ask(link, { action: 'deny' });
    const order = await link.order();
    const early = at();
    await report(link, 'denied');
    await link.receipt(order, 200, 'done', {
      oc2: { status: 200, status_text: 'done', results: { at: early } },
    });
    expect((await stateIs(link, 'proven'))[0]).toMatchObject({ status: 200 });
  });

  test('is not proven while the tunnel is seen up', async () => {
    const link = await rig.link();
    await obeyed(link, { action: 'deny' });
    await report(link, 'up');
    await report(link, 'up');
    expect((await shown(link))[0]?.state).toBe('done');
  });

  test('and comes undone is ordered again; the block that was seen once must not be gone', async () => {
    const link = await rig.link();
    await obeyed(link, { action: 'deny' });
    await report(link, 'denied');
    expect((await stateIs(link, 'proven'))[0]).toMatchObject({ status: 200 });
    rig.clock.advance(31_000);
    await report(link, 'down');
    expect((await link.order()).oc2.action).toBe('deny');
  });

  test('an allow that others hold is done, not proven, and not repeated', async () => {
    const link = await rig.link();
    await obeyed(link, { action: 'deny' });
    await obeyed(link, { action: 'allow' }, { heldBy: ['standing'] });
    rig.clock.advance(31_000);
    await report(link, 'denied');
    await expect(link.order(300)).rejects.toThrow('no order');
    expect((await shown(link))[0]).toMatchObject({ action: 'allow', state: 'done' });
  });
});

test('a block of which the database knows nothing is lifted where the decision allows', async () => {
  const link = await rig.link();
  await report(link, 'down');
  await expect(link.order(300)).rejects.toThrow('no order');
  await report(link, 'denied');
  expect((await link.order()).oc2.action).toBe('allow');
});

test('a device that reaches the server through its own tunnel raises an alarm, once', async () => {
  const link = await rig.link();
  const through = () =>
    link.report({
      readings: healthyReadings(at(), {
        'vpn-client': {
          backends: ['networkmanager'],
          profiles: [profileFact('office', 'up', { address: '127.0.0.1' })],
        },
      }),
    });
  await report(link, 'up');
  expect((await rig.document(link.identity.device)).alarms).toEqual([]);
  await through();
  await through();
  const { alarms } = await expectEventually(
    () => rig.document(link.identity.device),
    (document) => document.alarms.length > 0,
  );
  expect(alarms).toEqual(['through_tunnel']);
});

describe('an order on its way', () => {
  test('that the connection took along is sent again as it is, and known by its id', async () => {
    const link = await rig.link();
    await ask(link, { action: 'deny' });
    const order = await link.order();
    link.close();
    const again = await connected(rig.target, link.identity, { boot: link.boot });
    expect((await again.order()).jti).toBe(order.jti);
  });

  test('without an answer in its time is replaced by a fresh one, also while connected', async () => {
    const link = await rig.link();
    await ask(link, { action: 'deny' });
    const order = await link.order();
    rig.clock.advance(301_000);
    const fresh = await link.order(8_000);
    expect(fresh.jti).not.toBe(order.jti);
    expect(await shown(link)).toMatchObject([
      { state: 'sent' },
      { state: 'failed', reason: expect.stringContaining('replaced') },
    ]);
  });

  test('a device that is away is ordered when it comes', async () => {
    const link = await rig.link();
    link.close();
    await expectEventually(
      () => rig.document(link.identity.device),
      ({ connected: isConnected }) => !isConnected,
    );
    expect(await ask(link, { action: 'deny' })).toMatchObject({
      status: 200,
      body: { id: null, hint: expect.stringContaining('not connected') },
    });
    const again = await connected(rig.target, link.identity, { boot: link.boot });
    expect((await again.order()).oc2.action).toBe('deny');
  });
});

describe('who wants what', () => {
  test('a decision that allows does not lift an administrator’s deny, nor the other way round', async () => {
    const link = await rig.link();
    await obeyed(link, { action: 'deny' });
    await report(link, 'denied');
    await expect(link.order(300)).rejects.toThrow('no order');
    await ask(link, { action: 'allow' });
    expect((await link.order()).oc2.action).toBe('allow');
  });

  test('a deny with a duration says so to the device, and ends on the server, too', async () => {
    const link = await rig.link();
    await ask(link, { action: 'deny', durationSeconds: 600, profiles: ['office'] });
    const order = await link.order();
    expect(order.oc2).toMatchObject({ target: { 'x-posture:vpn': { profiles: ['office'] } } });
    expect(order.oc2.args.duration).toBeGreaterThan(590_000);
    await done(link, order);
    await link.next('receipt-ack');
    rig.clock.advance(601_000);
    expect((await link.order(8_000)).oc2.action).toBe('allow');
  });
});

describe('set', () => {
  const profile = {
    name: 'office',
    gateway: 'vpn.example.com',
    machine: { kind: 'psk', psk: 'a very shared key' },
    user: { name: 'anna', password: 'her own words' },
    suites: { ike: [], esp: [] },
    routes: 'all',
    dns: [],
    mtu: null,
  };

  test('secrets are sealed to the device before anything is stored, and open there', async () => {
    const jwk = await generateJwk();
    const link = await rig.link({ change: { encryption_key: (await softwareSigner(jwk)).jwk } });
    await ask(link, { action: 'set', profile, up: true });
    const order = await link.order();
    expect(JSON.stringify(order)).not.toMatch(/shared key|her own/);
    const value = setVpn().parse(order.oc2.target['x-posture:vpn']);
    const opened = await openProfile(value.profile, async (peer) =>
      diffieHellman({
        privateKey: importJwk(jwk),
        publicKey: createPublicKey({ key: peer, format: 'jwk' }),
      }),
    );
    expect(opened).toEqual({ ok: true, value: profile });
    const { readFile } = await import('node:fs/promises');
    for (const suffix of ['', '-wal']) {
      const bytes = await readFile(`${rig.paths.database}${suffix}`).catch(() => Buffer.alloc(0));
      expect(bytes.includes('a very shared key')).toBe(false);
      expect(bytes.includes('her own words')).toBe(false);
    }
  });

  test('is proven once a profile of that name has that gateway', async () => {
    const link = await rig.link();
    await obeyed(link, { action: 'set', profile });
    await report(link, 'down', 'other');
    expect((await shown(link))[0]?.state).toBe('done');
    await report(link, 'down');
    expect((await stateIs(link, 'proven'))[0]).toMatchObject({ status: 200 });
  });

  test('about a profile that is gone fails with the reason, and is tried again on the next connection only', async () => {
    const link = await rig.link();
    await ask(link, { action: 'deny', profiles: ['gone'] });
    await link.receipt(await link.order(), 404, 'There is no profile “gone”.');
    await link.next('receipt-ack');
    rig.clock.advance(61_000);
    await report(link, 'up');
    await expect(link.order(300)).rejects.toThrow('no order');
    expect((await shown(link))[0]).toMatchObject({ state: 'failed', status: 404 });
    link.close();
    const again = await connected(rig.target, link.identity, { boot: link.boot });
    expect((await again.order()).oc2.action).toBe('deny');
  });

  test('that the device’s own limits forbid is not repeated', async () => {
    const link = await rig.link();
    await ask(link, { action: 'set', profile });
    await link.receipt(await link.order(), 403, 'not-allowed: vpn.example.com is not among …');
    await link.next('receipt-ack');
    link.close();
    const again = await connected(rig.target, link.identity, { boot: link.boot });
    await expect(again.order(300)).rejects.toThrow('no order');
    expect((await shown(link))[0]).toMatchObject({ state: 'failed', status: 403 });
  });
});

describe('isolation', () => {
  test('carries what is left of its time, is cancelled by its order, and is over by itself', async () => {
    const link = await rig.link();
    const order = await obeyed(link, { action: 'contain', durationSeconds: 600 });
    expect(order.oc2).toMatchObject({ action: 'contain', target: { device: {} } });
    expect(order.oc2.args.duration).toBeLessThanOrEqual(600_000);
    await report(link, 'down');
    expect((await stateIs(link, 'proven'))[0]).toMatchObject({ status: 200 });
    await ask(link, { action: 'cancel', order: order.jti });
    expect((await link.order()).oc2).toMatchObject({
      action: 'cancel',
      target: { command: { command_id: order.jti } },
    });
  });
});

describe('requests', () => {
  test.each([
    [{ action: 'explode' }, 400],
    [{ action: 'deny', profiles: [] }, 400],
    [{ action: 'contain' }, 400],
    [{ action: 'contain', durationSeconds: 1e9 }, 400],
    [{ action: 'set', profile: { name: '../x' } }, 400],
    [{ action: 'cancel', order: '01930000-0000-7000-8000-000000000000' }, 404],
  ])('%j is refused', async (body, status) => {
    const link = await rig.link();
    expect((await ask(link, body)).status).toBe(status);
    expect(await shown(link)).toEqual([]);
  });

  test('about a device that is not there or not let in are refused', async () => {
    const nobody = '01930000-0000-7000-8000-000000000000';
    expect((await rig.admin.post(`/v1/devices/${nobody}/orders`, { action: 'deny' })).status).toBe(404);
    const link = await rig.link();
    await rig.admin.post(`/v1/devices/${link.identity.device}/revoke`);
    expect((await ask(link, { action: 'deny' })).status).toBe(409);
  });

  test('all orders are listed, by device and state', async () => {
    const link = await rig.link();
    await ask(link, { action: 'deny', cause: 'to be listed' });
    await first(link);
    const { body } = await rig.admin.get(`/v1/orders?device=${link.identity.device}&state=sent`);
    expect(body).toMatchObject([{ device: link.identity.device, action: 'deny', cause: 'to be listed' }]);
    expect((await rig.admin.get('/v1/orders?state=gone')).status).toBe(400);
  });
});
