import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { healthyReadings, PLAIN_DISK, OPEN_DETECTION } from './fixtures.ts';
import { accessIn, gatewayCredential, gatewayWith, type Gateway } from './gateway.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import type { TestLink } from './test-agent.ts';

let rig: Rig;
let strict: Rig;
let gateway: Gateway;
let helper: Gateway;
let strictGateway: Gateway;
const links: TestLink[] = [];
const up: object[] = [];

beforeAll(async () => {
  rig = await startRig();
  gateway = gatewayWith(() => rig.target, await gatewayCredential(rig.paths.database));
  helper = gatewayWith(() => rig.target, await gatewayCredential(rig.paths.database, 'lns-helper'));
  strict = await startRig({
    settings: {
      radius: { minimumIdentity: 'certificate', certificateNames: 'device-name', provenPeers: true },
    },
  });
  strictGateway = gatewayWith(() => strict.target, await gatewayCredential(strict.paths.database));
});
afterEach(async () => {
  links.splice(0).forEach((link) => link.close());
  for (const event of up.splice(0)) await helper.tell({ ...event, event: 'down', at: now() });
});
afterAll(async () => {
  await rig.close();
  await strict.close();
});

const now = () => new Date(rig.clock.now()).toISOString();

async function laptop(name: string, change = {}, on = rig): Promise<TestLink> {
  const link = await on.link({ name });
  links.push(link);
  await link.report({ readings: healthyReadings(now(), change) });
  return link;
}

/** A tunnel that the gateway’s helper saw come up. */
async function tunnel(peerId: string, more: object = {}): Promise<void> {
  const event = { event: 'up', peerAddress: '127.0.0.1', peerId, at: now(), ...more };
  up.push(event);
  expect((await helper.tell(event)).status).toBe(204);
}

const CERTIFICATE = { certificateSerial: '0A1B' };

/** What stands on record of the last login. */
async function lastLogin(on = rig) {
  const { DatabaseSync } = await import('node:sqlite');
  const db = new DatabaseSync(on.paths.database, { readOnly: true });
  const row = db.prepare('select * from all_logins order by at desc limit 1').get();
  db.close();
  return row;
}

describe('a device is recognised', () => {
  test('by the certificate of its tunnel, even where it is not there itself', async () => {
    const link = await laptop('anna-laptop');
    await tunnel(`C=DE, O=Example, CN=${link.identity.device}`, CERTIFICATE);
    expect(accessIn(await gateway.login('anna'))).toBe('allow');
    expect(await lastLogin()).toMatchObject({ identity: 'certificate', device: link.identity.device });
  });

  test('by presence where a tunnel’s peer only calls itself something', async () => {
    const link = await laptop('anna-laptop');
    await tunnel('CN=somebody-else');
    expect(accessIn(await gateway.login('anna'))).toBe('allow');
    expect(await lastLogin()).toMatchObject({ identity: 'presence', device: link.identity.device });
  });

  test('by nothing where the certificate is of no enrolled device, whoever is present', async () => {
    await laptop('anna-laptop');
    await tunnel('CN=01930000-0000-7000-8000-000000000000', CERTIFICATE);
    expect(accessIn(await gateway.login('anna'))).toBe('restrict');
    expect(await lastLogin()).toMatchObject({
      reason: 'unknown_certificate',
      device: null,
      ceiling: 'restrict',
    });
  });

  test('no more once its tunnel is gone', async () => {
    const link = await laptop('anna-laptop');
    await tunnel(link.identity.device, CERTIFICATE);
    expect(accessIn(await gateway.login('anna'))).toBe('allow');
    // One that was told late ends nothing.
    await helper.tell({ ...up[0], event: 'down', at: new Date(rig.clock.now() - 60_000).toISOString() });
    expect(await gateway.login('anna').then(accessIn)).toBe('allow');
    expect(await lastLogin()).toMatchObject({ identity: 'certificate' });
    await helper.tell({ ...up.pop(), event: 'down', at: now() });
    await gateway.login('anna');
    expect(await lastLogin()).toMatchObject({ identity: 'presence' });
  });
});

test('a connection that takes certificates only proves the name, a neighbour that only calls itself so unproves it', async () => {
  const link = await laptop('anna-laptop');
  await tunnel(link.identity.device, { proof: 'certificate' });
  await gateway.login('anna');
  expect(await lastLogin()).toMatchObject({ identity: 'certificate', device: link.identity.device });
  await tunnel(link.identity.device);
  await tunnel(link.identity.device, { proof: 'certificate' });
  await gateway.login('anna');
  expect(await lastLogin()).toMatchObject({ identity: 'presence' });
});

describe('two laptops of one user behind one NAT, one of them ill', () => {
  const ill = { detections: OPEN_DETECTION };

  test('neither is let in on the other’s answer, nor denied for it', async () => {
    await laptop('well');
    const sick = await laptop('ill', ill);
    expect(accessIn(await gateway.login('anna'))).toBe('restrict');
    expect(await lastLogin()).toMatchObject({ reason: 'ambiguous_identity', ceiling: 'restrict' });
    // Naming the well one is only the dialling user’s word.
    expect(accessIn(await gateway.login('anna#well'))).toBe('restrict');
    // Whoever names the ill one is believed that much.
    expect(accessIn(await gateway.login('anna#ill'))).toBe('deny');
    expect(await sick.order()).toMatchObject({ oc2: { action: 'deny' } });
  });

  test('one that has a tunnel but no agent is not taken for the one that has both', async () => {
    await laptop('well');
    await tunnel('192.168.1.2');
    await tunnel('192.168.1.3');
    expect(accessIn(await gateway.login('anna'))).toBe('restrict');
    expect(await lastLogin()).toMatchObject({ reason: 'ambiguous_identity' });
  });

  test('two certificates at one address are not told apart either', async () => {
    const pair = [await laptop('well'), await laptop('ill', ill)];
    for (const { identity } of pair) await tunnel(identity.device, CERTIFICATE);
    expect(accessIn(await gateway.login('anna'))).toBe('restrict');
    expect(await lastLogin()).toMatchObject({ reason: 'ambiguous_identity', device: null });
  });

  test('the ill one does not get in on the other’s answer by ending its agent', async () => {
    await laptop('well');
    const sick = await laptop('ended', ill);
    await expect.poll(async () => accessIn(await gateway.login('anna#ended'))).toBe('deny');
    sick.close();
    await expectEventually(
      () => rig.admin.get(`/v1/devices/${sick.identity.device}`),
      ({ body }) => (body as { connected: boolean }).connected === false,
    );
    expect(accessIn(await gateway.login('anna'))).toBe('restrict');
    expect(await lastLogin()).toMatchObject({ reason: 'ambiguous_identity', device: null });
    expect(accessIn(await gateway.login('anna#ended'))).toBe('deny');
  });

  test('with the certificate of the well one alone, that one is in; of the ill one alone, it is out', async () => {
    const [well, sick] = [await laptop('well'), await laptop('ill', ill)];
    await tunnel(well.identity.device, CERTIFICATE);
    expect(accessIn(await gateway.login('anna'))).toBe('allow');
    await helper.tell({ ...up.pop(), event: 'down', at: now() });
    await tunnel(sick.identity.device, CERTIFICATE);
    expect(accessIn(await gateway.login('anna'))).toBe('deny');
  });
});

test('what asks for certificates restricts presence, but lets nobody have more than it deserves', async () => {
  await laptop('anna-laptop', {}, strict);
  expect(accessIn(await strictGateway.login('anna'))).toBe('restrict');
  expect(await lastLogin(strict)).toMatchObject({ reason: 'weak_identity', identity: 'presence' });
  const event = { event: 'up', peerAddress: '127.0.0.1', peerId: 'CN=Anna-Laptop,O=Example', at: now() };
  // The settings say that no gateway takes anything but certificates.
  await strictGateway.tell(event);
  expect(accessIn(await strictGateway.login('anna'))).toBe('allow');
  await links[0]?.report({ readings: healthyReadings(now(), { 'disk-encryption': PLAIN_DISK }) });
  await expect.poll(async () => accessIn(await strictGateway.login('anna'))).not.toBe('deny');
});

test.each([
  [{}, 400],
  [{ event: 'up', peerAddress: 'x', peerId: 'y', at: '2026-11-20T10:00:00Z' }, 400],
  [{ event: 'left', peerAddress: '127.0.0.1', peerId: 'y', at: '2026-11-20T10:00:00Z' }, 400],
  [{ event: 'up', peerAddress: '127.0.0.1', peerId: 'y'.repeat(2_000), at: '2026-11-20T10:00:00Z' }, 400],
])('the event %j is refused', async (event, status) => {
  expect((await helper.tell(event)).status).toBe(status);
});

test('events are taken from gateways only', async () => {
  const nobody = gatewayWith(() => rig.target, '');
  const event = { event: 'up', peerAddress: '127.0.0.1', peerId: 'x', at: now() };
  expect((await nobody.tell(event)).status).toBe(401);
});
