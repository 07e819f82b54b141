// Sessions, replies and containment with a real FreeRADIUS on either side and the server as a process of its own.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { timelineEvent } from '../../src/server/timeline.ts';
import { sessionDocument, type SessionDocument } from '../../src/server/session-document.ts';
import { healthyReadings, PLAIN_DISK, OPEN_DETECTION } from '../server/fixtures.ts';
import { gatewayCredential } from '../server/gateway.ts';
import { expectEventually } from '../server/rig.ts';
import { connected, enrol, get, isIdentity, type TestLink } from '../server/test-agent.ts';
import { startFreeradiusNas, UNKNOWN_ADDRESS, type FreeradiusNas } from '../support/freeradius-nas.ts';
import {
  freeTcpPort,
  hasFreeradius,
  startFreeradius,
  type Freeradius,
  type RadiusAnswer,
} from '../support/freeradius.ts';
import {
  serverFolder,
  startServerProcess,
  type ServerFolder,
  type ServerProcess,
} from '../support/server-process.ts';

describe.runIf(hasFreeradius)('sessions (needs freeradius, freeradius-rest, freeradius-utils)', () => {
  let folder: ServerFolder;
  let server: ServerProcess;
  let radius: Freeradius;
  let nas: FreeradiusNas;
  let port = 0;
  const links: TestLink[] = [];

  beforeAll(async () => {
    nas = await startFreeradiusNas();
    folder = serverFolder(await freeTcpPort());
    appendFileSync(join(folder.path, 'server.yaml'), `radius: ${JSON.stringify(settings())}\n`);
    const policy = join(folder.path, 'policy.yaml');
    const shipped = readFileSync(policy, 'utf8').replace(/steadySeconds: \d+/, 'steadySeconds: 0');
    // Medium risk is held to quarantine here, so that every access there is occurs.
    writeFileSync(policy, shipped.replace(/medium: restrict/, 'medium: quarantine'));
    const credential = await gatewayCredential(folder.database);
    server = await startServerProcess(folder.path);
    radius = await startFreeradius({
      urls: [server.target.url],
      caFile: join(folder.path, 'tls-ca.pem'),
      credential,
    });
  });
  afterEach(async () => {
    links.splice(0).forEach((link) => link.close());
    await radius.account([...nasAttributes, 'Acct-Status-Type = Accounting-On', 'Acct-Session-Id = "on"']);
  });
  afterAll(async () => {
    await radius?.stop();
    await nas?.stop();
    await server?.kill('SIGTERM');
    folder?.remove();
  });

  const nasAttributes = ['NAS-Identifier = "lns-1"', 'NAS-IP-Address = 127.0.0.1'];

  function settings() {
    return {
      // Each test's laptop leaves the one address, some of them denied.
      deniedNeighbourHours: 0,
      nas: [
        {
          name: 'lns-1',
          templates: {
            quarantine: {
              'Filter-Id': 'posture-quarantine',
              'Session-Timeout': 300,
              'Idle-Timeout': 120,
              'Tunnel-Type:1': 'VLAN',
              'Tunnel-Medium-Type:1': 'IEEE-802',
              'Tunnel-Private-Group-Id:1': '42',
              'Cisco-AVPair': ['ip:inacl#1=deny ip any any', '%{User-Name}'],
              'Reply-Message': '{sentence}',
            },
          },
          dynamicAuthorization: { host: '127.0.0.1', port: nas.port, secretFile: nas.secretFile },
        },
      ],
    };
  }

  /** A new device, online at 127.0.0.1. */
  async function laptop(name: string, change = {}): Promise<TestLink> {
    const identity = await enrol(server.target, folder.token(), { name });
    if (!isIdentity(identity)) throw new Error(JSON.stringify(identity));
    const link = await connected(server.target, identity);
    links.push(link);
    await link.report({ readings: readings(change) });
    return link;
  }

  function login(user = 'alice'): Promise<RadiusAnswer> {
    return radius.login({ user, method: 'MS-CHAPv2' });
  }

  /** A login that is answered with this filter; whoever was there before may still be leaving. */
  async function loginAs(filter: string): Promise<RadiusAnswer> {
    return expectEventually(login, ({ attributes }) => attributes['Filter-Id'] === filter, 15_000);
  }

  function records(answer: RadiusAnswer, address?: string) {
    port += 1;
    const framed = address ?? `10.9.2.${port}`;
    const common = [
      ...nasAttributes,
      'User-Name = "alice"',
      `NAS-Port = ${port}`,
      `Framed-IP-Address = ${framed}`,
      // As pppd of Debian 12 sends it: the same for all that begin in one second.
      "Acct-Session-Id = '%lX6b0017c5%hX'",
      `Class = ${answer.attributes.Class ?? '0x00'}`,
    ];
    const send = (kind: string, ...more: string[]) =>
      radius.account([...common, `Acct-Status-Type = ${kind}`, ...more]);
    return { address: framed, send };
  }

  async function sessionsAt(address: string): Promise<SessionDocument[]> {
    const authorization = `Bearer ${readFileSync(join(folder.path, 'admin-token'), 'utf8').trim()}`;
    const { body } = await get(server.target, `/v1/sessions?address=${address}&ended=true`, {
      authorization,
    });
    return sessionDocument.array().parse(body);
  }

  async function timeline(device: string): Promise<string[]> {
    const authorization = `Bearer ${readFileSync(join(folder.path, 'admin-token'), 'utf8').trim()}`;
    const { body } = await get(server.target, `/v1/devices/${device}/timeline`, { authorization });
    return timelineEvent
      .array()
      .parse(body)
      .map(({ kind, text }) => `${kind} ${text}`);
  }

  test('a template’s attributes arrive whole, with their tags, and none is expanded', async () => {
    await laptop('plain', PLAIN);
    const { code, attributes } = await loginAs('posture-quarantine');
    expect({ code, ...attributes }).toMatchObject({
      code: 'Access-Accept',
      'Session-Timeout': '300',
      'Idle-Timeout': '120',
      'Tunnel-Type:1': 'VLAN',
      'Tunnel-Medium-Type:1': 'IEEE-802',
      'Tunnel-Private-Group-Id:1': '42',
      'Cisco-AVPair': '%{User-Name}',
      'Reply-Message': expect.stringContaining('not encrypted'),
    });
  });

  test('a denied login over MS-CHAPv2 carries the reason as its own error', async () => {
    await laptop('ill', ILL);
    const { code, attributes } = await expectEventually(
      login,
      (answer) => answer.code === 'Access-Reject',
      15_000,
    );
    expect(code).toBe('Access-Reject');
    expect(attributes['MS-CHAP-Error']).toMatch(/E=649 R=0 C=[0-9A-F]{32} V=3 M=.*Eicar/);
  });

  test('two laptops of one user behind one address, one of them ill: nobody gets the other’s answer', async () => {
    const ill = await laptop('ill', ILL);
    await laptop('well');
    const ambiguous = await loginAs('posture-restrict');
    expect(ambiguous.attributes['Reply-Message']).toContain('cannot be told apart');
    expect((await login('alice#well')).attributes).toMatchObject({ 'Filter-Id': 'posture-restrict' });
    expect((await login('alice#ill')).code).toBe('Access-Reject');
    // The ill one is out by its own order, whoever the gate takes it for.
    expect(await ill.order()).toMatchObject({ oc2: { action: 'deny' } });
  });

  test('accounting is stored once, also when the server is killed in between', async () => {
    const link = await laptop('anna');
    const { address, send } = records(await loginAs('posture-full'));
    expect((await send('Start')).code).toBe('Accounting-Response');
    await server.kill('SIGKILL');
    // Nothing is acknowledged that is not on disk: the NAS will send it again.
    expect((await send('Interim-Update', 'Acct-Input-Octets = 700')).code).toBe('');
    server = await startServerProcess(folder.path);
    expect((await send('Interim-Update', 'Acct-Input-Octets = 700')).code).toBe('Accounting-Response');
    expect((await send('Start')).code).toBe('Accounting-Response');
    expect(await sessionsAt(address)).toMatchObject([
      { device: link.identity.device, user: 'alice', bytesIn: 700, endedAt: null },
    ]);
    const stop = ['Acct-Input-Octets = 900', 'Acct-Terminate-Cause = User-Request'];
    for (let again = 0; again < 2; again += 1) await send('Stop', ...stop);
    await send('Start');
    expect(await sessionsAt(address)).toMatchObject([{ bytesIn: 900, cause: 'user-request' }]);
  });

  test('a session that is up is changed and ended by FreeRADIUS’ own reading of our packets', async () => {
    const link = await laptop('anna');
    const { address, send } = records(await loginAs('posture-full'));
    await send('Start');
    await link.report({ readings: readings(PLAIN) });
    await expectEventually(
      nas.taken,
      (all) => all.includes(`CoA-Request ${address} posture-quarantine`),
      15_000,
    );
    await link.report({ readings: readings() });
    await expectEventually(nas.taken, (all) => all.includes(`CoA-Request ${address} posture-full`), 15_000);
    await link.report({ readings: readings(ILL) });
    await expectEventually(nas.taken, (all) => all.includes(`Disconnect-Request ${address} `), 15_000);
    await expectEventually(
      () => timeline(link.identity.device),
      (told) => told.includes('nas-answer lns-1: disconnect done: ack'),
      15_000,
    );
    expect(await sessionsAt(address)).toMatchObject([{ cause: 'disconnected' }]);
  });

  test('a NAS that knows no such session has done what was wanted', async () => {
    const link = await laptop('anna');
    const { address, send } = records(await loginAs('posture-full'), UNKNOWN_ADDRESS);
    await send('Start');
    await link.report({ readings: readings(ILL) });
    await expectEventually(
      () => sessionsAt(address),
      ([session]) => session?.cause === 'gone',
      15_000,
    );
    expect(await timeline(link.identity.device)).toContainEqual(
      expect.stringContaining('Error-Cause 503 (sessionNotFound)'),
    );
  });
});

const PLAIN = { 'disk-encryption': PLAIN_DISK };
const ILL = { detections: OPEN_DETECTION };

function readings(change = {}) {
  return healthyReadings(new Date().toISOString(), change);
}
