import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { offboard } from '../../src/server/administer.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { healthyReadings } from './fixtures.ts';
import { accessIn, gatewayCredential, gatewayWith, type Gateway } from './gateway.ts';
import { NAS_SECRET, startNas, type TestNas } from './nas.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { connect, connected, exchange, payloadOf, type Answer, type TestLink } from './test-agent.ts';

const SECRET = `whsec_${randomBytes(32).toString('base64')}`;
const files: string[] = [];
let rig: Rig;
let nas: TestNas;
let gateway: Gateway;
let count = 0;

async function secretFile(content: string): Promise<string> {
  const file = join(tmpdir(), `drawbridge-secret-${randomBytes(6).toString('hex')}`);
  await writeFile(file, content, { mode: 0o600 });
  files.push(file);
  return file;
}

beforeAll(async () => {
  nas = await startNas();
  const dynamicAuthorization = {
    host: '127.0.0.1',
    port: nas.port,
    secretFile: await secretFile(NAS_SECRET),
  };
  rig = await startRig({
    settings: {
      radius: { nas: [{ name: 'lns-1', dynamicAuthorization }] },
      offboarding: [{ source: 'mdm', secretFile: await secretFile(SECRET) }],
      credentials: { hours: 12 },
    },
  });
  gateway = gatewayWith(() => rig.target, await gatewayCredential(rig.paths.database));
});
afterAll(async () => {
  await rig.close();
  nas.close();
  await Promise.all(files.map((file) => rm(file)));
});

type Sending = { id?: string; secret?: string; source?: string };

function tell(
  device: object,
  { id = `msg_${(count += 1)}`, secret = SECRET, source = 'mdm' }: Sending = {},
): Promise<Answer> {
  const at = rig.clock.now();
  const payload = JSON.stringify({
    type: 'device.left',
    timestamp: new Date(at).toISOString(),
    data: { device, reason: 'sold' },
  });
  return exchange(rig.target, 'POST', `/v1/offboarding/${source}`, payload, {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, new Date(at), payload),
  });
}

const asked = (user: string) => JSON.stringify({ user_name: user });

const status = async (device: string) => (await rig.document(device)).device.status;

async function healthy(): Promise<TestLink> {
  const link = await rig.link();
  await link.report({ readings: healthyReadings(new Date(rig.clock.now()).toISOString()) });
  return link;
}

/** A healthy device with a VPN session that is up. */
async function dialled(): Promise<TestLink> {
  const link = await healthy();
  const login = await expectEventually(
    () => gateway.login('alice', { nas_identifier: 'lns-1' }),
    (answer) => accessIn(answer) === 'allow',
  );
  count += 1;
  await gateway.account({
    'NAS-Identifier': 'lns-1',
    'Acct-Status-Type': 'Start',
    'User-Name': 'alice',
    'NAS-Port': count,
    'Framed-IP-Address': `10.9.2.${count}`,
    'Acct-Session-Id': `a${count}`,
    Class: login['reply:Class'] ?? '',
  });
  return link;
}

describe('one command', () => {
  test('ends a device whole: key, connection, VPN session, orders, what is wanted of it', async () => {
    const link = await dialled();
    const { device } = link.identity;
    await rig.admin.post(`/v1/devices/${device}/orders`, { action: 'deny', cause: 'test' });
    await link.order();
    const { status: http, body } = await rig.admin.post(`/v1/devices/${device}/offboard`, {
      reason: 'left the company',
    });
    expect({ http, body }).toMatchObject({
      http: 200,
      body: { ended: { orders: 1, sessions: 1, wanted: expect.any(Number) } },
    });
    expect(await link.next('bye')).toMatchObject({ err: 'revoked' });
    expect(await nas.next()).toMatchObject({
      kind: 'disconnect',
      attributes: { framedIpAddress: `10.9.2.${count}` },
    });
    expect(await status(device)).toBe('revoked');
    const { orders } = await rig.document(device);
    expect(orders.map((order) => order.state)).toEqual(['failed']);
    const back = await connect(rig.target, link.identity);
    expect(await back.next('bye')).toMatchObject({ err: 'revoked' });
    const audit = await rig.audit();
    expect(audit).toContain(`admin revoke ${device}`);
    expect(audit).toContain(`127.0.0.1 session refused revoked ${device}`);
    expect(accessIn(await gateway.login('alice'))).not.toBe('allow');
  });

  test('ends the VPN password that the device has, and says so', async () => {
    const link = await healthy();
    const { device } = link.identity;
    const { generation, epoch, user } = payloadOf((await link.next('credential')).jws);
    link.send({ t: 'credential-ack', generation, epoch });
    const authorize = async () => (await gateway.ask('/v1/radius/authorize', asked(String(user)))).status;
    await expectEventually(authorize, (http) => http === 200);
    const { body } = await rig.admin.post(`/v1/devices/${device}/offboard`, { reason: 'sold' });
    expect(body).toMatchObject({ ended: { credentials: 1 } });
    expect(await authorize()).toBe(404);
    // A word that was on its way when the device was revoked puts nothing back into force.
    link.send({ t: 'credential-ack', generation, epoch });
    expect(await link.next('bye')).toMatchObject({ err: 'revoked' });
    expect(await authorize()).toBe(404);
    expect(await rig.audit()).toContain(`admin withdraw VPN credential ${device}`);
  });

  test('given beside a server that is down ends the session once it runs', async () => {
    const link = await dialled();
    const { device } = link.identity;
    link.close();
    await rig.server.close();
    const beside = await openSqlite(rig.paths.database);
    await beside.write((db) => offboard(db, device, { actor: 'cli', now: rig.clock.now() }, 'stolen'));
    await beside.close();
    await rig.restart();
    expect(await nas.next()).toMatchObject({
      kind: 'disconnect',
      attributes: { framedIpAddress: `10.9.2.${count}` },
    });
  });

  test('for nobody is told so', async () => {
    const nobody = '01930000-0000-7000-8000-000000000000';
    expect(await rig.admin.post(`/v1/devices/${nobody}/offboard`)).toMatchObject({ status: 404 });
  });
});

describe('a device management', () => {
  test('ends a device by its id, and all on a computer by its serial number, waiting ones too', async () => {
    const byId = await rig.link();
    expect(await tell({ id: byId.identity.device })).toMatchObject({
      status: 200,
      body: { outcome: 'offboarded' },
    });
    expect(await byId.next('bye')).toMatchObject({ err: 'revoked' });
    const live = await connected(rig.target, await rig.device({ serial: 'PF3SOLD01' }));
    const waits = await rig.device({ serial: 'PF3SOLD01' });
    expect(waits.status).toBe('pending');
    const { body } = await tell({ serial: 'pf3sold01' });
    expect(new Set(body.devices as string[])).toEqual(new Set([live.identity.device, waits.device]));
    expect(await live.next('bye')).toMatchObject({ err: 'revoked' });
    expect(await rig.admin.post(`/v1/devices/${waits.device}/approve`)).toMatchObject({ status: 409 });
    expect(await rig.audit()).toContain(`offboarding:mdm revoke ${waits.device}`);
  });

  test('is heard once for each message', async () => {
    const one = await rig.device({ serial: 'PF3ONCE01' });
    expect(await tell({ serial: 'PF3ONCE01' }, { id: 'same' })).toMatchObject({
      body: { outcome: 'offboarded' },
    });
    const again = await rig.device({ serial: 'PF3ONCE01' });
    expect(await tell({ serial: 'PF3ONCE01' }, { id: 'same' })).toMatchObject({
      body: { outcome: 'again', devices: [] },
    });
    expect([await status(one.device), await status(again.device)]).toEqual(['revoked', 'live']);
  });

  test('that does not sign, or is not known, ends nobody', async () => {
    const { identity } = await rig.link();
    const device = { id: identity.device };
    const other = `whsec_${randomBytes(32).toString('base64')}`;
    expect(await tell(device, { secret: other })).toMatchObject({
      status: 401,
      body: { err: 'wrong_signature' },
    });
    expect(await tell(device, { source: 'other' })).toMatchObject({ status: 404 });
    expect(await tell({ anything: 1 })).toMatchObject({ status: 400 });
    expect(await status(identity.device)).toBe('live');
  });

  test('that names nobody, or several, is told so, and it is on record', async () => {
    await rig.device({ name: 'twins' });
    await rig.device({ name: 'twins' });
    expect(await tell({ name: 'twins' })).toMatchObject({
      body: { outcome: 'ambiguous_device', devices: [] },
    });
    expect(await tell({ serial: 'PF3NOBODY' })).toMatchObject({ body: { outcome: 'no_device' } });
    const audit = await rig.audit();
    expect(audit).toContain('offboarding:mdm offboard ambiguous_device nobody');
    expect(audit).toContain('offboarding:mdm offboard no_device nobody');
  });
});
