import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prune } from '../../src/server/retention.ts';
import { settleLogins } from '../../src/server/store/logins.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { sessionDocument, type SessionDocument } from '../../src/server/session-document.ts';
import { healthyReadings } from './fixtures.ts';
import { accessIn, gatewayCredential, gatewayWith, type Gateway } from './gateway.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { enrol, isIdentity, type TestLink } from './test-agent.ts';

/** What pppd of Debian 12 sends for every session that starts in the same second. */
const BROKEN_ID = '%lX6b0017c5%hX';

let rig: Rig;
let gateway: Gateway;
let foreign: Gateway;
let port = 0;

beforeAll(async () => {
  rig = await startRig({ settings: { radius: { sessions: { perDevice: 3 } } } });
  gateway = gatewayWith(() => rig.target, await gatewayCredential(rig.paths.database));
  foreign = gatewayWith(() => rig.target, await gatewayCredential(rig.paths.database, 'radius-2'));
});
afterAll(() => rig.close());

const at = () => new Date(rig.clock.now()).toISOString();

async function healthy(): Promise<TestLink> {
  const link = await rig.link();
  await link.report({ readings: healthyReadings(at()) });
  return link;
}

async function sessions(query = ''): Promise<SessionDocument[]> {
  const { status, body } = await rig.admin.get(`/v1/sessions${query}`);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return sessionDocument.array().parse(body);
}

/** Records of one session, in FreeRADIUS' names. */
function records(login: Record<string, string | number>, more: Record<string, string | number> = {}) {
  port += 1;
  const common = {
    'User-Name': 'alice',
    'NAS-Port': port,
    'Framed-IP-Address': `10.9.0.${port}`,
    'Calling-Station-Id': '203.0.113.9',
    'Acct-Session-Id': BROKEN_ID,
    ...(login['reply:Class'] === undefined ? {} : { Class: login['reply:Class'] }),
    ...more,
  };
  const record =
    (kind: string) =>
    (extra: Record<string, string | number> = {}) =>
      gateway.account({ ...common, 'Acct-Status-Type': kind, ...extra });
  return {
    common,
    address: `10.9.0.${port}`,
    start: record('Start'),
    interim: record('Interim-Update'),
    stop: record('Stop'),
  };
}

/** A device that dials in and whose session has started. */
async function dialled(more: Record<string, string | number> = {}) {
  const link = await healthy();
  // Until the server has noticed that whoever was here before has gone.
  const login = await expectEventually(
    () => gateway.login('alice'),
    (answer) => accessIn(answer) === 'allow',
  );
  const session = records(login, more);
  expect((await session.start()).status).toBe(204);
  return { link, device: link.identity.device, ...session };
}

describe('a session', () => {
  test('is told by its records: device, user, addresses, bytes, times, cause', async () => {
    const { link, device, address, interim, stop } = await dialled();
    expect(await sessions(`?device=${device}`)).toMatchObject([
      { gateway: 'radius-1', nas: 'lns-1', user: 'alice', framedAddress: address, address: '127.0.0.1' },
    ]);
    await interim({ 'Acct-Input-Octets': 5, 'Acct-Input-Gigawords': 1, 'Acct-Output-Octets': 7 });
    await stop({ 'Acct-Terminate-Cause': 'User-Request', 'Acct-Output-Octets': 9 });
    const [ended] = await sessions(`?device=${device}&ended=true`);
    expect(ended).toMatchObject({
      bytesIn: 2 ** 32 + 5,
      bytesOut: 9,
      cause: 'user-request',
      access: 'allow',
    });
    expect(ended?.endedAt).not.toBeNull();
    expect(await sessions(`?device=${device}`)).toEqual([]);
    link.close();
  });

  test('is one, however often and late its records come', async () => {
    const { link, device, start, interim, stop } = await dialled();
    await start();
    await interim({ 'Acct-Input-Octets': 100 });
    await interim({ 'Acct-Input-Octets': 50 });
    await stop();
    const before = await sessions(`?device=${device}&ended=true`);
    await stop({ 'Acct-Terminate-Cause': 'Lost-Carrier' });
    await start();
    await interim({ 'Acct-Input-Octets': 60 });
    expect(await sessions(`?device=${device}&ended=true`)).toEqual(before);
    expect(before).toMatchObject([{ bytesIn: 100, cause: 'stop' }]);
    link.close();
  });

  test('is told apart from another that the NAS gives the same id', async () => {
    const one = await dialled();
    one.link.close();
    const other = await dialled();
    await one.stop();
    expect(await sessions(`?device=${other.device}`)).toHaveLength(1);
    await other.stop();
    other.link.close();
  });

  test('that begins with an Interim-Update has lasted as long as that says', async () => {
    const session = records({}, { 'Acct-Session-Id': 'unheard' });
    await session.interim({ 'Acct-Session-Time': 600 });
    const [found] = await sessions(`?address=${session.address}`);
    expect(rig.clock.now() - Date.parse(found!.startedAt)).toBeGreaterThanOrEqual(600_000);
    expect(found).toMatchObject({ device: null, access: null });
    await session.stop();
  });

  test('that only its Stop tells of is on record', async () => {
    const session = records({}, { 'Acct-Session-Id': 'only-stop' });
    await session.stop({ 'Acct-Session-Time': 60 });
    await session.stop({ 'Acct-Session-Time': 60 });
    expect(await sessions(`?address=${session.address}`)).toEqual([]);
    expect(await sessions(`?address=${session.address}&ended=true`)).toHaveLength(1);
  });

  test('belongs to the gateway that told of it: another credential ends none of its sessions', async () => {
    const { link, device, common, stop } = await dialled();
    expect((await foreign.account({ ...common, 'Acct-Status-Type': 'Stop' })).status).toBe(204);
    await foreign.account({ 'Acct-Status-Type': 'Accounting-On' });
    expect(await sessions(`?device=${device}`)).toHaveLength(1);
    // Nor does it get the device of another's login.
    expect(await sessions(`?address=${common['Framed-IP-Address']}&ended=true`)).toMatchObject(
      expect.arrayContaining([expect.objectContaining({ gateway: 'radius-2', device: null })]),
    );
    await stop();
    link.close();
  });

  test.each(['Accounting-On', 'Accounting-Off'])('ends when its NAS says %s', async (kind) => {
    const { link, device } = await dialled();
    await gateway.account({ 'NAS-Identifier': 'lns-2', 'Acct-Status-Type': kind });
    expect(await sessions(`?device=${device}`)).toHaveLength(1);
    await gateway.account({ 'Acct-Status-Type': kind });
    expect(await sessions(`?device=${device}&ended=true`)).toMatchObject([{ cause: 'nas-restart' }]);
    link.close();
  });

  test('whose Stop was lost ends when its address is given to another', async () => {
    const { link, device, address } = await dialled();
    link.close();
    await records({}, { 'Acct-Session-Id': 'next', 'Framed-IP-Address': address }).start();
    expect(await sessions(`?device=${device}&ended=true`)).toMatchObject([{ cause: 'lost' }]);
    await gateway.account({ 'Acct-Status-Type': 'Accounting-On' });
  });

  test('of which nothing is heard any more is lost, and found again when something is', async () => {
    const { link, device, interim } = await dialled();
    await interim();
    const lost = (all: SessionDocument[]) => all[0]?.cause === 'lost';
    rig.clock.advance(901_000);
    await expectEventually(() => sessions(`?device=${device}&ended=true`), lost);
    await interim();
    expect(await sessions(`?device=${device}`)).toMatchObject([{ endedAt: null, cause: null }]);
    await gateway.account({ 'Acct-Status-Type': 'Accounting-On' });
    link.close();
  });

  test('can be looked up by address and time, for flow logs', async () => {
    const { link, device, address, stop } = await dialled();
    const during = rig.clock.now();
    rig.clock.advance(10_000);
    await stop();
    rig.clock.advance(10_000);
    const when = (ms: number) => encodeURIComponent(new Date(ms).toISOString());
    expect(await sessions(`?address=${address}&at=${when(during)}`)).toMatchObject([
      { device, user: 'alice' },
    ]);
    expect(await sessions(`?address=${address}&at=${when(during - 5_000)}`)).toEqual([]);
    expect(await sessions(`?address=${address}&at=${when(during + 15_000)}`)).toEqual([]);
    expect((await rig.admin.get('/v1/sessions?address=x')).status).toBe(400);
    link.close();
  });

  test('is forgotten after its days, while one that is up stays', async () => {
    const ended = await dialled();
    ended.link.close();
    await ended.stop();
    const up = await dialled();
    up.link.close();
    const store = await openSqlite(rig.paths.database);
    const clock = { ...rig.clock, now: () => rig.clock.now() + 91 * 86_400_000 };
    await store.write((db) => settleLogins(db, 1_000));
    await prune({ store, clock, retention: { historyDays: 400, auditDays: 400, sessionDays: 90 } });
    const logins = await store.read((db) => db.selectFrom('all_logins').select('device').execute());
    await store.close();
    expect(await sessions(`?device=${ended.device}&ended=true`)).toEqual([]);
    expect(await sessions(`?device=${up.device}`)).toHaveLength(1);
    expect(new Set(logins.map(({ device }) => device))).toEqual(new Set([up.device]));
    await up.stop();
  });

  test('goes when its device is erased', async () => {
    const { link, device, address } = await dialled();
    link.close();
    const store = await openSqlite(rig.paths.database);
    await store.write((db) => db.deleteFrom('devices').where('id', '=', device).execute());
    await store.close();
    expect(await sessions(`?address=${address}&ended=true`)).toEqual([]);
  });
});

describe('accounting', () => {
  test('is taken from gateways only, and refused where it is none', async () => {
    const nobody = gatewayWith(() => rig.target, '');
    expect((await nobody.account({ 'Acct-Status-Type': 'Start' })).status).toBe(401);
    expect((await gateway.ask('/v1/radius/accounting', '[]')).status).toBe(400);
    expect((await gateway.ask('/v1/radius/accounting', '{')).status).toBe(400);
    // Tunnel-Start and the like: nothing to store, and nothing to send again.
    expect((await gateway.account({ 'Acct-Status-Type': 'Tunnel-Start' })).status).toBe(204);
  });

  test('survives a restart: what was acknowledged is there', async () => {
    const { link, device, stop } = await dialled();
    link.close();
    await rig.restart();
    expect(await sessions(`?device=${device}`)).toHaveLength(1);
    await stop();
    expect(await sessions(`?device=${device}`)).toEqual([]);
  });
});

describe('silence', () => {
  const decision = async (device: string) => (await rig.document(device)).decision;

  test('counts while a session is up', async () => {
    const { link, device, stop } = await dialled();
    rig.clock.advance(100_000);
    await expectEventually(
      () => decision(device),
      (now) => now?.reason === 'agent-silent',
    );
    await stop();
    link.close();
  });

  test('of a laptop without a session is sleep: it is restricted when it dials, until it has reported', async () => {
    const link = await healthy();
    rig.clock.advance(3_600_000);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await decision(link.identity.device)).toMatchObject({ access: 'allow' });
    const asked = gateway.login('alice');
    await link.next('challenge');
    const answer = await asked;
    expect(accessIn(answer)).toBe('restrict');
    expect(answer['reply:Session-Timeout']).toBe(300);
    expect(answer['reply:Reply-Message']).toContain('not reported lately');
    await link.report({ readings: healthyReadings(at()) });
    expect(accessIn(await gateway.login('alice'))).toBe('allow');
    link.close();
  });
});

test('who has as many sessions as are allowed is restricted', async () => {
  const { link, device, ...first } = await dialled();
  const others = [records(await gateway.login('alice')), records(await gateway.login('alice'))];
  for (const other of others) await other.start();
  const answer = await gateway.login('alice');
  expect(accessIn(answer)).toBe('restrict');
  expect(answer['reply:Reply-Message']).toContain('as many VPN sessions');
  await others[0]?.stop();
  expect(accessIn(await gateway.login('alice'))).toBe('allow');
  for (const one of [first, ...others]) await one.stop();
  expect(await sessions(`?device=${device}`)).toEqual([]);
  link.close();
});

test('who enrols through the VPN is refused, and keeps the token for another way', async () => {
  const session = await dialled({ 'Framed-IP-Address': '127.0.0.1' });
  const token = await rig.token();
  const refused = await enrol(rig.target, token, { now: rig.clock.now });
  expect(refused).toMatchObject({
    body: { err: 'through_tunnel', hint: expect.stringContaining('outside the tunnel') },
  });
  await session.stop();
  expect(isIdentity(await enrol(rig.target, token, { now: rig.clock.now }))).toBe(true);
});
