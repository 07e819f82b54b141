// A device's own VPN password: from the server by way of the device into a real FreeRADIUS.
import { createPublicKey, diffieHellman } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createGateway } from '../../src/server/administer.ts';
import { ntHash } from '../../src/server/credentials/derive.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { credentialClaims, type CredentialClaims } from '../../src/wire/credential.ts';
import { open } from '../../src/wire/envelope.ts';
import { openSecret } from '../../src/wire/sealed-secret.ts';
import { generateJwk, importJwk, publicPart } from '../../src/wire/software-key.ts';
import { healthyReadings, OPEN_DETECTION } from '../server/fixtures.ts';
import { connected, enrol, isIdentity, type TestLink } from '../server/test-agent.ts';
import { freeTcpPort, hasFreeradius, startFreeradius, type Freeradius } from '../support/freeradius.ts';
import {
  serverFolder,
  startServerProcess,
  type ServerFolder,
  type ServerProcess,
} from '../support/server-process.ts';

type Given = CredentialClaims & { clear: string };

describe.runIf(hasFreeradius)('VPN credentials (needs freeradius, freeradius-rest)', () => {
  let folder: ServerFolder;
  let server: ServerProcess;
  let radius: Freeradius;

  beforeAll(async () => {
    folder = serverFolder(await freeTcpPort());
    appendFileSync(join(folder.path, 'server.yaml'), 'credentials: { hours: 12 }\n');
    const store = await openSqlite(folder.database);
    const made = await store.write((db) => createGateway(db, 'radius-1', { actor: 'test', now: Date.now() }));
    await store.close();
    if (!made.ok) throw new Error(made.error.hint);
    server = await startServerProcess(folder.path);
    radius = await startFreeradius({
      urls: [server.target.url],
      caFile: join(folder.path, 'tls-ca.pem'),
      credential: made.value.credential,
    });
  });
  afterAll(async () => {
    await radius?.stop();
    await server?.kill('SIGTERM');
    folder?.remove();
  });

  async function device() {
    const key = await generateJwk();
    const change = { encryption_key: publicPart(key) };
    const identity = await enrol(server.target, folder.token(), { change });
    if (!isIdentity(identity)) throw new Error(JSON.stringify(identity));
    const link = await connected(server.target, identity);
    const read = async (): Promise<Given> => {
      const { jws } = await link.next('credential');
      const claims = await open(jws, identity.orderKeys[0]!, credentialClaims);
      if (!claims.ok) throw new Error(claims.error);
      const clear = await openSecret(claims.value.password, async (peer) =>
        diffieHellman({
          privateKey: importJwk(key),
          publicKey: createPublicKey({ key: peer, format: 'jwk' }),
        }),
      );
      if (!clear.ok) throw new Error(clear.error);
      return { ...claims.value, clear: clear.value };
    };
    return { link, read, id: identity.device };
  }

  async function report(link: TestLink, open = false): Promise<void> {
    const at = new Date().toISOString();
    const { t } = await link.report({
      readings: healthyReadings(at, open ? { detections: OPEN_DETECTION } : {}),
    });
    expect(t).toBe('ack');
  }

  const confirm = (link: TestLink, { generation, epoch }: Given) =>
    link.send({ t: 'credential-ack', generation, epoch });

  /** By MS-CHAPv2, from an address where no agent is. */
  const login = async (
    { user, clear }: Pick<Given, 'user' | 'clear'>,
    method: 'MS-CHAPv2' | 'MS-CHAP' = 'MS-CHAPv2',
  ) => radius.login({ user, password: clear, ntHash: await ntHash(clear), method, station: '198.51.100.77' });

  async function untilLogin(given: Given, code: string) {
    const end = Date.now() + 10_000;
    for (;;) {
      const answer = await login(given);
      if (answer.code === code) return answer;
      if (Date.now() > end) throw new Error(`still ${answer.code}`);
    }
  }

  function lastLogin(): { identity: string | null; device: string | null } {
    const db = new DatabaseSync(folder.database, { readOnly: true });
    const row = db.prepare('select identity, device from all_logins order by at desc limit 1').get();
    db.close();
    return row as { identity: string | null; device: string | null };
  }

  test('a healthy device gets one, and is let in by it as itself; the hash is what other software computes', async () => {
    const { link, read, id } = await device();
    await report(link);
    const given = await read();
    expect(given.user).toBe(`dev-${id}`);
    expect(given.clear).toMatch(/^[\w-]{24}$/);
    // Not before the device has said that it uses it.
    expect((await login(given)).code).toBe('Access-Reject');
    confirm(link, given);
    expect(await untilLogin(given, 'Access-Accept')).toMatchObject({
      attributes: { 'Filter-Id': 'posture-full' },
    });
    expect(lastLogin()).toEqual({ identity: 'credential', device: id });
    expect((await login(given, 'MS-CHAP')).code).toBe('Access-Accept');
    expect((await login({ ...given, clear: 'guess' })).code).toBe('Access-Reject');
  });

  test('it dies with the verdict, does not come back with it, and the next one works', async () => {
    const { link, read } = await device();
    await report(link);
    const first = await read();
    confirm(link, first);
    await untilLogin(first, 'Access-Accept');
    await report(link, true);
    expect((await untilLogin(first, 'Access-Reject')).attributes['Reply-Message']).toBe(undefined);
    await report(link);
    let second = await read();
    // The first one may have been said twice before it was confirmed.
    while (second.generation === first.generation) second = await read();
    expect(second.generation).toBe(first.generation + 1);
    expect(second.clear).not.toBe(first.clear);
    confirm(link, second);
    await untilLogin(second, 'Access-Accept');
    expect((await login(first)).code).toBe('Access-Reject');
    // The old one cannot be confirmed back into force.
    confirm(link, first);
    await report(link);
    expect((await login(first)).code).toBe('Access-Reject');
  });

  test('nobody is asked about other names, and an unknown device is like a wrong password', async () => {
    expect((await radius.login({ user: 'alice', method: 'MS-CHAPv2' })).code).toBe('Access-Accept');
    // The test's users file knows everybody; a device's name is answered by the server alone.
    const user = 'dev-01930000-0000-7000-8000-0000000000ff';
    const answer = await login({ user, clear: 'x' });
    expect(answer.code).toBe('Access-Reject');
    expect(answer.attributes['Reply-Message']).toBe(undefined);
  });

  test('whoever reads the database has no password, and nothing to make one from', async () => {
    const { link, read } = await device();
    await report(link);
    const given = await read();
    confirm(link, given);
    await untilLogin(given, 'Access-Accept');
    const bytes = Buffer.concat(['', '-wal'].map((end) => readFileSync(`${folder.database}${end}`)));
    const key = readFileSync(join(folder.path, 'credential-key'), 'utf8').trim();
    for (const secret of [given.clear, await ntHash(given.clear), key, Buffer.from(key, 'base64url')])
      expect(bytes.includes(secret as string)).toBe(false);
  });
});
