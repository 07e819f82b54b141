import { appendFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createGateway } from '../../src/server/administer.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { healthyReadings, PLAIN_DISK } from '../server/fixtures.ts';
import { connected, enrol, isIdentity, type TestLink } from '../server/test-agent.ts';
import {
  FALLBACK,
  freeTcpPort,
  hasFreeradius,
  METHODS,
  startFreeradius,
  type Freeradius,
  type Posture,
} from '../support/freeradius.ts';
import { waitFor } from '../support/wait-for.ts';
import {
  serverFolder,
  startServerProcess,
  type ServerFolder,
  type ServerProcess,
} from '../support/server-process.ts';

const HOSTILE = '%{User-Name} %{exec:/usr/bin/id} `id` ${raddb} \\n \\000 "\\';

describe.runIf(hasFreeradius)('FreeRADIUS (needs freeradius, freeradius-rest, freeradius-utils)', () => {
  let folder: ServerFolder;
  let stranger: ServerFolder;
  let server: ServerProcess;
  let posture: Posture;
  let radius: Freeradius;
  const links: TestLink[] = [];

  beforeAll(async () => {
    folder = serverFolder(await freeTcpPort());
    // Each test's laptop leaves the one address, some of them denied.
    appendFileSync(join(folder.path, 'server.yaml'), 'radius: { deniedNeighbourHours: 0 }\n');
    stranger = serverFolder(0);
    const credential = await gatewayCredential(folder.database);
    server = await startServerProcess(folder.path);
    posture = { urls: [server.target.url], caFile: join(folder.path, 'tls-ca.pem'), credential };
    radius = await startFreeradius(posture);
  });
  afterEach(() => links.splice(0).forEach((link) => link.close()));
  afterAll(async () => {
    await radius?.stop();
    await server?.kill('SIGTERM');
    folder?.remove();
    stranger?.remove();
  });

  /** A new device that is online at 127.0.0.1. */
  async function online(name = 'laptop'): Promise<TestLink> {
    const identity = await enrol(server.target, folder.token(), { name });
    if (!isIdentity(identity)) throw new Error(JSON.stringify(identity));
    const link = await connected(server.target, identity);
    links.push(link);
    return link;
  }

  async function healthy(): Promise<TestLink> {
    const link = await online();
    await link.report({ readings: healthyReadings(now()) });
    return link;
  }

  // First, while nobody has been online yet.
  test.each(['127.0.0.1', '198.51.100.7', '+49 30 1234'])(
    'whoever has no device online at %s is let in restricted',
    async (station) => {
      if (station !== '127.0.0.1') await healthy();
      const { code, attributes } = await radius.login({ user: 'alice', station });
      expect({ code, ...attributes }).toMatchObject({ code: 'Access-Accept', ...FALLBACK });
      expect(attributes['Reply-Message']).toContain('Start your computer’s Drawbridge agent');
      expect(lastGate(folder.database)).toMatchObject({ reason: 'no_device' });
    },
  );

  test.each(METHODS)('%s: a healthy device is let in, with its attributes', async (method) => {
    const { identity } = await healthy();
    const answer = await radius.login({ user: 'alice', method });
    expect(answer).toMatchObject({
      code: 'Access-Accept',
      attributes: { 'Filter-Id': 'posture-full', 'Session-Timeout': '28800' },
    });
    expect(octets(answer.attributes.Class)).toMatch(`;d=${identity.device};v=`);
  });

  test.each(METHODS)('%s: a denied device is rejected, and told why in one sentence', async (method) => {
    const link = await online();
    await link.report({ readings: detected('Eicar.Test') });
    const { code, attributes } = await radius.login({ user: 'alice', method });
    expect(code).toBe('Access-Reject');
    expect(attributes['Reply-Message']).toContain('Eicar.Test');
    expect(attributes).not.toHaveProperty('Filter-Id');
    expect(attributes).not.toHaveProperty('Class');
  });

  test('a restricted device is let in restricted, and told why', async () => {
    const link = await online();
    await link.report({ readings: healthyReadings(now(), { 'disk-encryption': PLAIN_DISK }) });
    expect(await radius.login({ user: 'alice' })).toMatchObject({
      code: 'Access-Accept',
      attributes: { ...FALLBACK, 'Reply-Message': expect.stringContaining('not encrypted') },
    });
  });

  test('a device that has not reported yet is asked, and its answer is waited for', async () => {
    const link = await online();
    link.frames.splice(0);
    const answer = radius.login({ user: 'alice' });
    await link.next('challenge');
    await link.report({ readings: healthyReadings(now()) });
    expect(await answer).toMatchObject({ attributes: { 'Filter-Id': 'posture-full' } });
  });

  test('a device that never reports is restricted by the server, within FreeRADIUS’ patience', async () => {
    await online();
    const { attributes } = await radius.login({ user: 'alice' });
    expect(attributes).toMatchObject({ ...FALLBACK, 'Reply-Message': expect.stringContaining('report') });
  });

  test('hostile text of a device comes out as it went in, never expanded', async () => {
    const link = await online(HOSTILE);
    await link.report({ readings: detected(HOSTILE) });
    const { code, attributes } = await radius.login({ user: 'alice' });
    expect(code).toBe('Access-Reject');
    expect(attributes['Reply-Message']).toContain(HOSTILE);
  });

  test.each([HOSTILE, 'émile#büro', '"},{"user_name":"root'])(
    'the user name %s arrives as it was typed',
    async (user) => {
      const { identity } = await healthy();
      const answer = await radius.login({ user });
      expect(answer).toMatchObject({ code: 'Access-Accept', attributes: { 'Filter-Id': 'posture-full' } });
      expect(lastGate(folder.database)).toMatchObject({ user, nas: 'lns-1', address: '127.0.0.1' });
      await waitFor('its entry in the audit', () => auditedUsers(folder.database).includes(user));
      expect(octets(answer.attributes.Class)).toContain(identity.device);
    },
  );

  test.each(METHODS)('%s: a wrong password is rejected without a question to the server', async (method) => {
    await healthy();
    const before = gateCount(folder.database);
    const { code, attributes } = await radius.login({ user: 'alice', password: 'wrong', method });
    expect(code).toBe('Access-Reject');
    expect(attributes).not.toHaveProperty('Reply-Message');
    // The dialling computer’s own sign that it was the password.
    if (method.startsWith('MS-CHAP')) expect(attributes['MS-CHAP-Error']).toContain('E=691');
    expect(gateCount(folder.database)).toBe(before);
  });

  test.each([
    [
      'whose certificate another authority signed is not believed',
      () => ({ caFile: join(stranger.path, 'tls-ca.pem') }),
    ],
    [
      'that does not know the gateway gets it no answer',
      () => ({ credential: 'gw_none.AAAAAAAAAAAAAAAAAAAAAA' }),
    ],
  ])('a server %s: the configuration’s own rule holds', async (_what, changed) => {
    await healthy();
    const before = gateCount(folder.database);
    const other = await startFreeradius({ ...posture, ...changed() });
    const { code, attributes } = await other.login({ user: 'alice' }).finally(other.stop);
    expect({ code, ...attributes }).toMatchObject({ code: 'Access-Accept', ...FALLBACK });
    expect(attributes['Reply-Message']).toContain('cannot be reached');
    expect(gateCount(folder.database)).toBe(before);
  });

  test('while the server is away the configuration’s own rule holds; right after, the server’s', async () => {
    await server.kill('SIGTERM');
    for (const method of METHODS) {
      const { code, attributes } = await radius.login({ user: 'alice', method });
      expect({ code, ...attributes }).toMatchObject({ code: 'Access-Accept', ...FALLBACK });
      expect(attributes['Reply-Message']).toContain('cannot be reached');
    }
    server = await startServerProcess(folder.path);
    await healthy();
    expect(await radius.login({ user: 'alice' })).toMatchObject({
      code: 'Access-Accept',
      attributes: { 'Filter-Id': 'posture-full' },
    });
  });
});

const now = () => new Date().toISOString();

/** The readings of a device on which something of this name was found and is still there. */
function detected(name: string) {
  const fields = { source: 'x', id: null, severity: 5, executed: null, detectedAt: null };
  const open = [{ ...fields, name, status: 'open' as const }];
  return healthyReadings(now(), { detections: { sources: [], open, recentClosed: 0 } });
}

function octets(hex = ''): string {
  return Buffer.from(hex.replace(/^0x/, ''), 'hex').toString();
}

async function gatewayCredential(database: string): Promise<string> {
  const store = await openSqlite(database);
  const made = await store.write((db) => createGateway(db, 'radius-1', { actor: 'test', now: Date.now() }));
  await store.close();
  if (!made.ok) throw new Error(made.error.hint);
  return made.value.credential;
}

/** What stands on record of logins, oldest first. */
function gates(database: string): unknown[] {
  const db = new DatabaseSync(database, { readOnly: true });
  const rows = db.prepare('select user, address, nas, reason, identity from all_logins order by at').all();
  db.close();
  return rows;
}

/** The users of whose logins the audit tells: a second after they were answered. */
function auditedUsers(database: string): unknown[] {
  const db = new DatabaseSync(database, { readOnly: true });
  const rows = db.prepare("select detail from audit where action like 'gate %'").all();
  db.close();
  return rows.map((row) => (JSON.parse(String(row.detail)) as { user: unknown }).user);
}

const lastGate = (database: string) => gates(database).at(-1);
const gateCount = (database: string) => gates(database).length;
