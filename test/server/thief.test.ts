// What somebody gains who has stolen something: a token, a request, a copied key, the database. Each time: nothing, on record.
import { readFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatToken, parseToken, type EnrolmentToken } from '../../src/wire/token.ts';
import { memorySigner } from '../wire/fixtures.ts';
import { healthyReadings } from './fixtures.ts';
import { gatewayCredential } from './gateway.ts';
import { startRig, type Rig } from './rig.ts';
import { connect, connected, get, payloadOf, post, type EnrolOptions } from './test-agent.ts';
import { seal, TYP } from '../../src/wire/envelope.ts';
import { serverUrn } from '../../src/wire/ids.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const code = (token: string, options?: EnrolOptions) => rig.enrolCode(token, options);

function parsed(token: string): EnrolmentToken {
  const result = parseToken(token);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

async function devices(): Promise<number> {
  return ((await rig.admin.get('/v1/devices')).body as unknown as unknown[]).length;
}

describe('a stolen token', () => {
  test.each([
    ['that was used', {}, async (token: string) => void (await code(token)), 'token_used'],
    ['past its time', { validHours: 1 }, async () => rig.clock.advance(3_600_001), 'token_expired'],
    ['for other computers', { serials: ['PF3OTHER1'] }, async () => {}, 'hardware_unlisted'],
  ] as const)('%s makes nobody a device', async (_, wanted, before, reason) => {
    const token = await rig.token(wanted);
    await before(token);
    const count = await devices();
    expect(await code(token, { serial: 'PF3THIEF1' })).toBe(reason);
    expect(await devices()).toBe(count);
    expect(await rig.audit()).toContain(`127.0.0.1 enrol refused ${reason} ${parsed(token).id}`);
  });

  test('revoked before its use makes nobody a device', async () => {
    const token = await rig.token();
    const db = new DatabaseSync(rig.paths.database);
    db.prepare('update tokens set revoked_at = 1 where id = ?').run(parsed(token).id);
    db.close();
    expect(await code(token)).toBe('token_expired');
    expect(await rig.audit()).toContain(`127.0.0.1 enrol refused token_expired ${parsed(token).id}`);
  });

  test('used with the number of a computer that is enrolled waits, and takes nothing from it', async () => {
    const victim = await connected(rig.target, await rig.device({ serial: 'PF3VICTIM1' }));
    expect(await code(await rig.token(), { serial: 'PF3VICTIM1' })).toBe('pending');
    const readings = healthyReadings(new Date(rig.clock.now()).toISOString());
    expect(await victim.report({ readings })).toMatchObject({ t: 'ack' });
    victim.close();
  });
});

test('a request of enrolment that was overheard is worth nothing again, and no other is made from it', async () => {
  const token = parsed(await rig.token({ uses: 2 }));
  const { body } = await post(rig.target, '/v1/enroll/challenge', {
    nonce: randomBytes(16).toString('base64url'),
  });
  const [report, encryption] = [await memorySigner(), await memorySigner()];
  const claims = {
    aud: serverUrn(token.orderRoot),
    iat: Math.floor(rig.clock.now() / 1_000),
    nonce: String(payloadOf(String(body.jws)).challenge),
    token: { id: token.id, secret: token.secret },
    ueid: Buffer.concat([Buffer.of(1), randomBytes(16)]).toString('base64url'),
    encryption_key: encryption.jwk,
    host: { name: 'laptop', platform: 'linux', machine_id: null, key_protection: 'file' },
  };
  const jws = await seal(TYP.enroll, claims, report, true);
  expect(await post(rig.target, '/v1/enroll', { jws })).toMatchObject({ status: 200 });
  const count = await devices();
  expect(await post(rig.target, '/v1/enroll', { jws })).toMatchObject({
    status: 403,
    body: { err: 'challenge_unknown' },
  });
  const [header, , signature] = jws.split('.');
  const other = Buffer.from(JSON.stringify({ ...claims, ueid: 'A' })).toString('base64url');
  const forged = `${header}.${other}.${signature}`;
  expect(await post(rig.target, '/v1/enroll', { jws: forged })).toMatchObject({
    body: { err: 'bad_signature' },
  });
  expect(await devices()).toBe(count);
  const audit = await rig.audit();
  expect(audit).toContain('127.0.0.1 enrol refused challenge_unknown nobody');
  expect(audit).toContain('127.0.0.1 enrol refused bad_signature nobody');
});

test('a copied key: once both have been heard, the device is refused until a person looks, and it is on record', async () => {
  const original = await rig.link();
  const thief = await connected(rig.target, original.identity);
  expect(await original.next('bye')).toMatchObject({ err: 'superseded' });
  const back = await connect(rig.target, original.identity, { boot: original.boot });
  expect(await back.next('bye')).toMatchObject({ err: 'cloned_key' });
  expect(await rig.audit()).toContain(`127.0.0.1 session refused cloned_key ${original.identity.device}`);
  expect((await rig.document(original.identity.device)).alarms).toEqual(['cloned_key']);
  thief.close();
});

describe('the database, read out', () => {
  test('holds no secret by which anybody could be a device, a gateway or an administrator', async () => {
    const token = await rig.token({ uses: 2, serials: ['PF3DUMPED1'] });
    const device = await rig.device({ serial: 'PF3DUMPED2' });
    const credential = await gatewayCredential(rig.paths.database);
    const { admin, text } = {
      admin: (await readFile(rig.paths.adminToken, 'utf8')).trim(),
      text: dump(rig.paths.database),
    };
    const secrets = [parsed(token).secret, credential.split('.')[1] ?? '', admin, 'PF3DUMPED1', 'PF3DUMPED2'];
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(text).not.toMatch(/"d":"[\w-]{43}"/);
    // The public half of the device's key is there, and is all there is of it.
    expect(text).toContain(device.report.jwk.x);
  });

  test('gives hashes that are not taken for what they are hashes of', async () => {
    const token = parsed(await rig.token());
    const db = new DatabaseSync(rig.paths.database);
    const { hash } = db.prepare('select hash from tokens where id = ?').get(token.id) as { hash: string };
    const gateway = db.prepare('select id, hash from gateways limit 1').get() as { id: string; hash: string };
    db.close();
    const count = await devices();
    for (const secret of [hash.slice(0, 22), Buffer.from(hash, 'hex').toString('base64url').slice(0, 22)])
      expect(await code(formatToken({ ...token, secret }))).toBe('token_unknown');
    const authorization = `Bearer ${gateway.id}.${gateway.hash}`;
    expect(await post(rig.target, '/v1/radius/post-auth', {}, { authorization })).toMatchObject({
      status: 401,
    });
    expect(await get(rig.target, '/v1/devices', { authorization })).toMatchObject({ status: 401 });
    expect(await devices()).toBe(count);
  });
});

/** Every value of every table. */
function dump(file: string): string {
  const db = new DatabaseSync(file);
  const tables = db.prepare("select name from sqlite_master where type = 'table'").all() as {
    name: string;
  }[];
  const rows = tables.flatMap(({ name }) => db.prepare(`select * from "${name}"`).all());
  db.close();
  return rows.flatMap((row) => Object.values(row).map(String)).join('\n');
}
