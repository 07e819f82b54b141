import { createHash, randomUUIDv7 } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509Certificates,
  X509Crl,
} from '../../src/base/x509.ts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { revokeDevice } from '../../src/server/ca/revocation.ts';
import { listCertificates, putEstToken } from '../../src/server/store/certificates.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import type { Store } from '../../src/server/store/store.ts';
import { certificateClaims } from '../../src/wire/certificate.ts';
import { open, seal, TYP } from '../../src/wire/envelope.ts';
import { deviceUrn } from '../../src/wire/ids.ts';
import { hashSecret } from '../../src/wire/token.ts';
import { ecKeys, makeCsr, rsaKeys, type CsrOptions } from './csr.ts';
import { healthyReadings, OPEN_DETECTION } from './fixtures.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { connect, connected, exchange, get, payloadOf, type TestLink } from './test-agent.ts';

const HOUR_MS = 3_600_000;
const CRL_URL = 'http://posture.example.test:8080/crl/devices.crl';

let rig: Rig;
let store: Store;

beforeAll(async () => {
  rig = await startRig({
    authority: true,
    settings: { ca: { est: { port: 0 }, crl: { port: 0 }, crlUrl: CRL_URL, domain: 'devices.example.test' } },
  });
  store = await openSqlite(rig.paths.database);
}, 60_000);

afterAll(async () => {
  await store.close();
  await rig.close();
});

const token = 'a-token-of-128-bits-';

async function ask(device: string, der: Buffer, secret = token) {
  const headers = {
    'content-type': 'application/pkcs10',
    authorization: `Basic ${Buffer.from(`${device}:${secret}`).toString('base64')}`,
  };
  const target = { url: rig.server.est ?? '', ca: rig.target.ca };
  const body = der.toString('base64');
  const { status, body: said } = await exchange(
    target,
    'POST',
    '/.well-known/est/simpleenroll',
    body,
    headers,
  );
  const text = String(said.text ?? '');
  return { status, text, code: text.split(':')[0] };
}

/** With a fresh token. */
async function enrol(device: string, der: Buffer) {
  const now = rig.clock.now();
  const row = { device, hash: hashSecret(token), created_at: now, expires_at: now + HOUR_MS };
  await store.write((db) => putEstToken(db, row));
  return ask(device, der);
}

function certificateIn(base64: string): X509Certificate {
  const [certificate] = new X509Certificates(Buffer.from(base64, 'base64'));
  if (certificate === undefined) throw new Error(base64);
  return certificate;
}

async function healthy(): Promise<TestLink> {
  const link = await rig.link();
  await report(link);
  return link;
}

async function report(link: TestLink, open = false): Promise<void> {
  const at = new Date(rig.clock.now()).toISOString();
  const readings = healthyReadings(at, open ? { detections: OPEN_DETECTION } : {});
  const { t } = await link.report({ readings });
  expect(t).toBe('ack');
}

async function certified(link: TestLink, options?: CsrOptions): Promise<X509Certificate> {
  const given = await enrol(link.identity.device, await makeCsr(options));
  expect(given).toMatchObject({ status: 200 });
  return certificateIn(given.text);
}

async function auditOf(subject: string) {
  const rows = await store.read((db) =>
    db.selectFrom('audit').selectAll().where('subject', '=', subject).orderBy('id').execute(),
  );
  return rows.map(({ action, detail }) => ({ action, ...(JSON.parse(detail) as { reason?: string }) }));
}

async function crl(): Promise<X509Crl> {
  const answer = await fetch(rig.server.crl ?? '');
  expect(answer.headers.get('content-type')).toBe('application/pkix-crl');
  return new X509Crl(await answer.arrayBuffer());
}

describe('a certificate', () => {
  test('says what the profile says: name, uses, a day at most, where revocations are', async () => {
    const link = await healthy();
    const { device } = link.identity;
    const before = rig.clock.now();
    const certificate = await certified(link);
    expect(certificate.subject).toBe(`CN=${device}`);
    const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
    expect(names.map(({ type, value }) => [type, value])).toEqual([
      ['dns', `${device}.devices.example.test`],
      ['url', `urn:posture:device:${device}`],
    ]);
    expect(certificate.getExtension(ExtendedKeyUsageExtension)?.usages).toEqual([
      '1.3.6.1.5.5.7.3.2',
      '1.3.6.1.5.5.7.3.17',
      '1.3.6.1.5.5.8.2.2',
    ]);
    expect(certificate.getExtension(BasicConstraintsExtension)?.ca).toBe(false);
    expect(certificate.notAfter.getTime() - before).toBeLessThanOrEqual(24 * HOUR_MS + 5_000);
    expect(certificate.notBefore.getTime()).toBeLessThan(before - 290_000);
    expect(certificate.toString('text')).toContain(CRL_URL);
    const chain = await get(rig.target, '/v1/ca/chain.pem');
    const [issuing, root] = new X509Certificates(
      [...String(chain.body.text).matchAll(/-----BEGIN[^-]*-----[^-]*-----END[^-]*-----/g)].map(
        ([pem]) => new X509Certificate(pem),
      ),
    );
    expect(await certificate.verify({ publicKey: issuing!.publicKey })).toBe(true);
    expect(await issuing!.verify({ publicKey: root!.publicKey })).toBe(true);
    expect(await auditOf(device)).toContainEqual(
      expect.objectContaining({ action: 'issue certificate', serial: certificate.serialNumber }),
    );
  });

  test.each<[string, string, (device: string) => Promise<Buffer>]>([
    ['another’s name', 'other_name', () => makeCsr({ name: `CN=${randomUUIDv7()}` })],
    ['more than a name', 'other_name', (device) => makeCsr({ name: `CN=${device}, O=Board` })],
    [
      'another’s names besides',
      'other_name',
      () =>
        makeCsr({
          extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: 'vpn.example.test' }])],
        }),
    ],
    [
      'to be an authority',
      'forged_extension',
      () => makeCsr({ extensions: [new BasicConstraintsExtension(true, 0, true)] }),
    ],
    [
      'to be a server',
      'forged_extension',
      () => makeCsr({ extensions: [new ExtendedKeyUsageExtension(['1.3.6.1.5.5.7.3.1'])] }),
    ],
    [
      'a weak key',
      'weak_key',
      async () =>
        makeCsr({ keys: await rsaKeys(1_024), algorithm: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } }),
    ],
    [
      'a key that is another’s',
      'bad_signature',
      async () => {
        const der = await makeCsr();
        der.writeUInt8((der.at(-1) ?? 0) ^ 1, der.length - 1);
        return der;
      },
    ],
    ['what is no request', 'malformed_request', async () => Buffer.from('hello')],
    ['what is too large', 'malformed_request', async () => Buffer.alloc(20_000, 0x30)],
  ])('is refused to who asks for %s: %s, on record', async (_, reason, make) => {
    const link = await healthy();
    const { device } = link.identity;
    const refused = await enrol(device, await make(device));
    expect(refused.code).toBe(reason);
    expect([400, 403]).toContain(refused.status);
    expect(await auditOf(device)).toContainEqual(
      expect.objectContaining({ action: 'refuse certificate', reason }),
    );
    // The token was not used up by it.
    expect(await ask(device, await makeCsr())).toMatchObject({ status: 200 });
  });

  test('is given once for a request, and once for a key', async () => {
    const [link, other] = [await healthy(), await healthy()];
    const keys = await ecKeys();
    const der = await makeCsr({ keys });
    expect(await enrol(link.identity.device, der)).toMatchObject({ status: 200 });
    expect(await enrol(link.identity.device, der)).toMatchObject({ status: 403, code: 'replayed' });
    expect(await enrol(other.identity.device, der)).toMatchObject({ status: 403, code: 'replayed' });
    const again = await makeCsr({ keys, name: `CN=${other.identity.device}` });
    expect(await enrol(other.identity.device, again)).toMatchObject({ status: 403, code: 'key_used' });
    const refusals = async (device: string) =>
      (await auditOf(device)).flatMap(({ action, reason }) =>
        action === 'refuse certificate' ? reason : [],
      );
    expect(await refusals(link.identity.device)).toEqual(['replayed']);
    expect(await refusals(other.identity.device)).toEqual(['replayed', 'key_used']);
  });

  test('needs a token of the very device, once, in time', async () => {
    const [link, other] = [await healthy(), await healthy()];
    const { device } = link.identity;
    const row = (end: number) => ({ device, hash: hashSecret(token), created_at: 0, expires_at: end });
    expect(await ask(device, await makeCsr())).toMatchObject({ status: 401 });
    await certified(link);
    expect(await ask(device, await makeCsr())).toMatchObject({ status: 401 });
    expect(await ask(other.identity.device, await makeCsr())).toMatchObject({ status: 401 });
    // Nor is what the database has of it.
    await store.write((db) => putEstToken(db, row(rig.clock.now() + HOUR_MS)));
    expect(await ask(device, await makeCsr(), hashSecret(token))).toMatchObject({ status: 401 });
    await store.write((db) => putEstToken(db, row(rig.clock.now() - 1)));
    expect(await ask(device, await makeCsr())).toMatchObject({ status: 401 });
    expect(await auditOf(device)).toContainEqual(expect.objectContaining({ reason: 'token_unknown' }));
  });

  test('is not given before the first report, nor while unhealthy, and once it is well again', async () => {
    const link = await rig.link();
    const { device } = link.identity;
    const der = await makeCsr();
    expect(await enrol(device, der)).toMatchObject({ status: 202, code: 'not_judged' });
    await report(link, true);
    expect(await ask(device, der)).toMatchObject({ status: 202, code: 'not_healthy' });
    expect(await ask(device, der)).toMatchObject({ status: 202, code: 'not_healthy' });
    await report(link);
    // The same request and the same token: neither was used up by waiting.
    expect(await ask(device, der)).toMatchObject({ status: 200 });
    const refusals = (await auditOf(device)).filter(({ action }) => action === 'refuse certificate');
    expect(refusals.map(({ reason }) => reason)).toEqual(['not_judged', 'not_healthy']);
  });

  test('is not given to who has not been heard lately', async () => {
    const link = await healthy();
    rig.clock.advance(10 * 60_000);
    expect(await enrol(link.identity.device, await makeCsr())).toMatchObject({
      status: 202,
      code: 'outdated',
    });
  });
});

async function send(link: TestLink, der: Buffer, change: object = {}, signer = link.identity.report) {
  const { device, server } = link.identity;
  const claims = {
    iss: deviceUrn(device),
    aud: server,
    iat: Math.floor(rig.clock.now() / 1_000),
    jti: randomUUIDv7(),
    csr: der.toString('base64'),
    ...change,
  };
  link.send({ t: 'csr', jws: await seal(TYP.csr, claims, signer) });
}

/** Serials of what a device was ever given. */
async function listed(device: string): Promise<string[]> {
  const rows = await store.read((db) => listCertificates(db, { device, limit: 10 }));
  return rows.map(({ serial }) => serial);
}

describe('over the link', () => {
  test('a healthy device gets certificate and authorities, signed by the order key', async () => {
    const link = await healthy();
    const der = await makeCsr();
    await send(link, der);
    const { jws } = await link.next('certificate');
    const opened = await open(jws, link.identity.orderKeys[0]!, certificateClaims);
    if (!opened.ok) throw new Error(opened.error);
    const { certificate, issuing, csr, aud } = opened.value;
    expect(csr).toBe(createHash('sha256').update(der).digest('base64url'));
    expect(aud).toBe(deviceUrn(link.identity.device));
    expect(
      await new X509Certificate(certificate).verify({
        publicKey: new X509Certificate(issuing).publicKey,
        signatureOnly: true,
      }),
    ).toBe(true);
    await send(link, der);
    expect(await link.next('certificate-refused')).toMatchObject({ err: 'replayed', retry_s: null });
  });

  test('an unhealthy one is told to wait, and gets it with the same request', async () => {
    const link = await rig.link();
    await report(link, true);
    const der = await makeCsr();
    await send(link, der);
    expect(await link.next('certificate-refused')).toMatchObject({ err: 'not_healthy', retry_s: 30 });
    await report(link);
    await send(link, der);
    expect(await link.next('certificate')).toBeDefined();
  });

  test('a request that the report key did not sign, for another device, or of another time, is none', async () => {
    const link = await healthy();
    const der = await makeCsr();
    await send(link, der, {}, link.session);
    expect(await link.next('nack')).toMatchObject({ err: 'unknown_key' });
    await send(link, der, { iss: deviceUrn(randomUUIDv7()) });
    expect(await link.next('nack')).toMatchObject({ err: 'wrong_issuer' });
    await send(link, der, { iat: Math.floor(rig.clock.now() / 1_000) - 200 });
    expect(await link.next('nack')).toMatchObject({ err: 'clock_skew' });
    await send(link, der, { csr: 'not base64!' });
    expect(await link.next('nack')).toMatchObject({ err: 'malformed' });
    // Each is on record, once an hour.
    await send(link, der, { csr: 'not base64!' });
    await link.next('nack');
    const refusals = (await auditOf(link.identity.device)).flatMap(({ reason }) => reason ?? []);
    expect(refusals).toEqual(['unknown_key', 'wrong_issuer', 'clock_skew', 'malformed']);
    expect(await listed(link.identity.device)).toEqual([]);
  });

  test('who asks all the time is told to wait', async () => {
    const link = await rig.link();
    const der = await makeCsr();
    for (let times = 0; times < 32; times += 1) {
      await send(link, der);
      const { err } = await link.next('certificate-refused');
      expect(err).toBe(times < 30 ? 'not_judged' : 'too_many');
    }
  });
});

describe('revocation', () => {
  const onList = async (certificate: X509Certificate) =>
    (await crl()).entries.find(({ serialNumber }) => serialNumber === certificate.serialNumber);

  test('what a device holds is on the list once it is denied; silence takes nothing back', async () => {
    const link = await healthy();
    const certificate = await certified(link);
    expect(await onList(certificate)).toBe(undefined);
    await report(link, true);
    const entry = await expectEventually(
      () => onList(certificate),
      (found) => found !== undefined,
    );
    expect(entry?.reason).toBe(9);
    const quiet = await healthy();
    const kept = await certified(quiet);
    rig.clock.advance(20 * 60_000);
    await expectEventually(
      async () => (await rig.document(quiet.identity.device)).decision?.access,
      (access) => access !== 'allow',
    );
    expect(await onList(kept)).toBe(undefined);
  });

  test('a device whose key was copied loses what it holds, and gets nothing until a person has looked', async () => {
    const link = await healthy();
    const { identity } = link;
    const certificate = await certified(link);
    await connected(rig.target, identity);
    await connect(rig.target, identity, { boot: link.boot });
    await expectEventually(
      () => onList(certificate),
      (entry) => entry !== undefined,
      20_000,
    );
    expect(await enrol(identity.device, await makeCsr())).toMatchObject({
      status: 202,
      code: 'device_cloned',
    });
    expect(await auditOf(identity.device)).toContainEqual(
      expect.objectContaining({ action: 'refuse certificate', reason: 'device_cloned' }),
    );
  });

  test('a device that is removed loses its certificates with it', async () => {
    const link = await healthy();
    const certificate = await certified(link);
    await rig.admin.post(`/v1/devices/${link.identity.device}/revoke`);
    expect((await onList(certificate))?.reason).toBe(5);
    expect(await enrol(link.identity.device, await makeCsr())).toMatchObject({
      status: 403,
      code: 'device_revoked',
    });
  });

  describe('by an administrator', () => {
    const revokeAll = (link: TestLink) =>
      store.write((db) =>
        revokeDevice(
          db,
          link.identity.device,
          { reason: 'superseded', because: 'ordered' },
          { actor: 'test', now: rig.clock.now() },
        ),
      );

    /** The order about a certificate that comes within some seconds of the server's clock; null: none does. */
    async function orderedBy(link: TestLink): Promise<string | null> {
      for (let seconds = 0; seconds < 6; seconds += 1) {
        rig.clock.advance(1_000);
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
      const orders = link.frames.flatMap((frame) =>
        frame.t === 'order' ? [JSON.stringify(payloadOf(frame.jws))] : [],
      );
      return orders.find((order) => order.includes('"x-posture:cert"')) ?? null;
    }

    async function holding(): Promise<TestLink> {
      const link = await healthy();
      await send(link, await makeCsr());
      await link.next('certificate');
      return link;
    }

    test('a device that is well is ordered to get a new one, once, and on record', async () => {
      const link = await holding();
      expect(await revokeAll(link)).toBe(1);
      await expectEventually(
        () => orderedBy(link),
        (order) => order?.includes('"update"') === true,
        20_000,
      );
      const { orders } = await rig.document(link.identity.device);
      expect(orders).toMatchObject([{ action: 'update', cause: 'its certificate was revoked' }]);
      link.frames.length = 0;
      expect(await orderedBy(link)).toBe(null);
      await send(link, await makeCsr());
      await link.next('certificate');
    });

    test('one that is not well gets none, until it is', async () => {
      const link = await holding();
      await report(link, true);
      await revokeAll(link);
      expect(await orderedBy(link)).toBe(null);
      await report(link);
      await expectEventually(
        () => orderedBy(link),
        (order) => order !== null,
        20_000,
      );
    });

    test('one that was told to do without is left in peace', async () => {
      const link = await holding();
      await rig.admin.post(`/v1/devices/${link.identity.device}/orders`, { action: 'delete-certificate' });
      await link.order();
      await revokeAll(link);
      expect(await orderedBy(link)).toBe(null);
    });
  });

  test('the list is signed by the authority, short-lived, and its number rises', async () => {
    const first = await crl();
    const chain = await get(rig.target, '/v1/ca/chain.pem');
    const issuing = new X509Certificate(
      String(chain.body.text).split('-----END CERTIFICATE-----')[0] + '-----END CERTIFICATE-----',
    );
    expect(await first.verify({ publicKey: issuing })).toBe(true);
    expect(Number(first.nextUpdate) - rig.clock.now()).toBeLessThanOrEqual(HOUR_MS + 1_000);
    rig.clock.advance(31 * 60_000);
    const second = await crl();
    const number = (list: X509Crl) =>
      Buffer.from(list.getExtension('2.5.29.20')?.value ?? new ArrayBuffer(0)).toString('hex');
    expect(number(second) > number(first)).toBe(true);
    expect(Number(second.nextUpdate)).toBeGreaterThan(Number(first.nextUpdate));
  });

  test('one that has ended leaves the list a day later', async () => {
    const link = await healthy();
    const certificate = await certified(link);
    await rig.admin.post(`/v1/devices/${link.identity.device}/revoke`);
    expect(await onList(certificate)).toBeDefined();
    rig.clock.advance(49 * HOUR_MS);
    expect(await onList(certificate)).toBe(undefined);
  });
});

test('metrics say what ends when', async () => {
  const link = await healthy();
  await certified(link);
  const { body } = await get(rig.target, '/metrics', {});
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(String(body.text))?.[1]);
  const inDays = (what: string) =>
    (value(`drawbridge_certificate_end_seconds\\{what="${what}"\\}`) - rig.clock.now() / 1_000) / 86_400;
  expect(inDays('root')).toBeGreaterThan(3_600);
  expect(inDays('issuing')).toBeGreaterThan(700);
  expect(inDays('last device')).toBeGreaterThan(0.9);
  expect(value('drawbridge_certificate_devices\\{what="holding"\\}')).toBeGreaterThan(0);
  expect(value('drawbridge_certificates_total\\{outcome="issued"\\}')).toBeGreaterThan(0);
});

test('the database holds no key, no request and no token', async () => {
  const link = await healthy();
  await certified(link);
  const tables = await store.read(async (db) => ({
    certificates: await db.selectFrom('certificates').selectAll().execute(),
    tokens: await db.selectFrom('est_tokens').selectAll().execute(),
    meta: await db.selectFrom('meta').selectAll().execute(),
  }));
  expect(tables.certificates.length).toBeGreaterThan(0);
  const text = JSON.stringify(tables);
  expect(text).not.toMatch(/PRIVATE|BEGIN/);
  expect(text).not.toContain(token);
});
