// step-ca could not be had here: a stand-in that answers as its API documentation says, and checks what it is asked.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importJWK, jwtVerify, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '../../src/base/log.ts';
import { PemConverter } from '../../src/base/x509.ts';
import type { CertificateAuthority } from '../../src/server/ca/authority.ts';
import { readCsr, type Csr } from '../../src/server/ca/csr.ts';
import { authorityPaths, createHierarchy, loadHierarchy } from '../../src/server/ca/hierarchy.ts';
import { internalAuthority } from '../../src/server/ca/internal.ts';
import { deviceProfile, type Profile } from '../../src/server/ca/profile.ts';
import { stepCaAuthority } from '../../src/server/ca/step-ca.ts';
import { thumbprint } from '../../src/wire/envelope.ts';
import { generateJwk, publicPart, type PrivateJwk } from '../../src/wire/software-key.ts';
import { makeTls, type TestTls } from '../agent/certificates.ts';
import { makeCsr } from './csr.ts';

const DEVICE = '01930000-0000-7000-8000-000000000001';
const HOUR_MS = 3_600_000;
const profile = deviceProfile(DEVICE, { domain: 'devices.test', deviceHours: 24, gatewayDays: 30 });

let tls: TestTls;
let signer: CertificateAuthority;
let key: PrivateJwk;
let server: Server;
let stepCa: CertificateAuthority;
let url: string;
/** What the stand-in's template makes of a request. */
let template: (asked: Profile) => Profile;
let behave: 'sign' | 'fail' | 'nonsense' | 'other-key';
const tokens: Record<string, unknown>[] = [];
const bodies: Record<string, unknown>[] = [];

beforeAll(async () => {
  tls = await makeTls();
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-step-'));
  const paths = authorityPaths(folder);
  await createHierarchy(paths, join(folder, 'root'), { organisation: 'Step', now: Date.now(), bits: 2_048 });
  const hierarchy = await loadHierarchy(paths);
  await rm(folder, { recursive: true });
  if (hierarchy === null) throw new Error('no authority');
  const { issuing: certificate, root } = hierarchy;
  signer = internalAuthority({ certificate, root, key: hierarchy.key, crlUrl: null, crlValidMs: HOUR_MS });
  key = await generateJwk();
  server = createServer({ cert: tls.cert, key: tls.key }, (incoming, answer) => {
    let text = '';
    incoming.on('data', (chunk: Buffer) => (text += chunk.toString()));
    incoming.once('end', () => {
      reply(String(incoming.url), JSON.parse(text) as Record<string, string>).then(
        ([status, body]) =>
          answer.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body)),
        (error: unknown) => answer.writeHead(401).end(JSON.stringify({ message: String(error) })),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stepCa = await open(key);
}, 60_000);

afterAll(() => new Promise((resolve) => server.close(resolve)));

const open = (own: PrivateJwk) =>
  stepCaAuthority({
    url,
    ca: tls.ca,
    provisioner: 'drawbridge',
    key: own,
    log: createLogger('ca', 'silent'),
  });

/** As the documentation of `/1.0/sign` and `/1.0/revoke` says; the token has to be good. */
async function reply(path: string, body: Record<string, string>): Promise<[number, object | string]> {
  const provisioner = await importJWK(publicPart(key) as JWK, 'ES256');
  const { payload, protectedHeader } = await jwtVerify(String(body.ott), provisioner, {
    issuer: 'drawbridge',
    audience: `${url}${path}`,
    maxTokenAge: '5m',
  });
  if (protectedHeader.kid !== (await thumbprint(publicPart(key)))) throw new Error('no such provisioner');
  tokens.push(payload);
  bodies.push(body);
  if (path === '/1.0/revoke') return [200, { status: 'ok' }];
  if (behave === 'fail') return [403, { status: 403, message: 'The request was forbidden.' }];
  if (behave === 'nonsense') return [201, '<html>'];
  const [der] = PemConverter.decode(behave === 'other-key' ? pemOf(await makeCsr()) : String(body.csr));
  const asked = template({ ...profile, commonName: String(payload.sub) });
  const csr = await readCsr(new Uint8Array(der ?? new ArrayBuffer(0)), asked);
  if (!csr.ok) throw new Error(csr.error);
  const signed = await signer.sign(csr.value, asked, Date.now());
  if (!signed.ok) throw new Error(signed.error);
  const { issuing } = await signer.chain();
  return [
    201,
    { crt: signed.value.certificate, ca: issuing, certChain: [signed.value.certificate, issuing] },
  ];
}

const pemOf = (der: Buffer) => PemConverter.encode(new Uint8Array(der), 'CERTIFICATE REQUEST');

async function request(): Promise<Csr> {
  const csr = await readCsr(await makeCsr(), profile);
  if (!csr.ok) throw new Error(csr.error);
  return csr.value;
}

async function ask(change: (asked: Profile) => Profile = (asked) => asked, how: typeof behave = 'sign') {
  template = change;
  behave = how;
  return stepCa.sign(await request(), profile, Date.now());
}

describe('step-ca', () => {
  test('signs what it is asked, by a token for this one request', async () => {
    const signed = await ask();
    expect(signed).toMatchObject({ ok: true });
    const { sub, sans, jti, exp = 0, iat = 0 } = tokens.at(-1) as Record<string, number & string>;
    expect({ sub, sans }).toEqual({ sub: DEVICE, sans: profile.names.map(({ value }) => value) });
    expect(jti).toHaveLength(36);
    expect(Number(exp) - Number(iat)).toBe(300);
    expect(Date.parse(String(bodies.at(-1)?.notAfter))).toBeLessThanOrEqual(Date.now() + 24 * HOUR_MS);
    expect((await stepCa.chain()).issuing).toBe((await signer.chain()).issuing);
    expect(JSON.stringify([bodies, tokens])).not.toContain(key.d);
  });

  test.each<[string, (asked: Profile) => Profile]>([
    ['names somebody else', (asked) => ({ ...asked, commonName: 'other' })],
    ['adds a name', (asked) => ({ ...asked, names: [...asked.names, { type: 'dns', value: 'vpn.test' }] })],
    ['leaves a name out', (asked) => ({ ...asked, names: asked.names.slice(0, 1) })],
    ['leaves usages out', (asked) => ({ ...asked, usages: asked.usages.slice(0, 1) })],
    ['is good for longer', (asked) => ({ ...asked, validMs: 48 * HOUR_MS })],
  ])('a certificate that %s is not given out', async (_, change) => {
    expect(await ask(change)).toEqual({ ok: false, error: 'authority_failed' });
  });

  test.each(['fail', 'nonsense', 'other-key'] as const)('nor one where it answers so: %s', async (how) => {
    expect(await ask(undefined, how)).toEqual({ ok: false, error: 'authority_failed' });
  });

  test('with another provisioner’s key, or away, it signs nothing', async () => {
    template = (asked) => asked;
    behave = 'sign';
    const stranger = await open(await generateJwk());
    expect(await stranger.sign(await request(), profile, Date.now())).toMatchObject({
      error: 'authority_failed',
    });
  });

  test('is told what is revoked, by its decimal number', async () => {
    await stepCa.revoke?.({ serial: 'ff', revokedAt: Date.now(), reason: 'keyCompromise' });
    expect(bodies.at(-1)).toMatchObject({ serial: '255', reasonCode: 1, passive: true });
    expect(tokens.at(-1)).toMatchObject({ sub: '255' });
  });
});
