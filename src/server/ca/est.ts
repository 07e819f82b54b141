import type { TLSSocket } from 'node:tls';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { X509Certificates } from '../../base/x509.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { hashSecret, sameHash } from '../../wire/token.ts';
import type { App } from '../http.ts';
import { audit } from '../store/audit.ts';
import { findBySerial, findEstToken, useEstToken } from '../store/certificates.ts';
import type { Store } from '../store/store.ts';
import type { Clock } from '../../base/clock.ts';
import type { Certificates } from './certificates.ts';
import { certificatesIn } from './keys.ts';
import { CERTIFICATE_REFUSALS, type CertificateRefusal } from './refusals.ts';

export type EstParts = { store: Store; clock: Clock; certificates: Certificates };

/** RFC 7030 with the corrections of RFC 8951: everything is base64, whatever a header says of it. */
const BASE = '/.well-known/est';
const CERTS_ONLY = 'application/pkcs7-mime; smime-type=certs-only';
const MAX_BODY = 32_768;
/** Seconds after which to ask again. */
const RETRY_AFTER = 10;
const PER_MINUTE = 60;

/** DER: SEQUENCE { sha256WithRSAEncryption, SEQUENCE { rsaEncryption, SET { 2048 } } }, as in RFC 7030 §4.5.2. */
const CSR_ATTRIBUTES = Buffer.from('301e06092a864886f70d01010b301106092a864886f70d010101310402020800', 'hex');

/** Enrolment over Secure Transport, for clients that are not our agent. */
export async function addEstRoutes(app: App, parts: EstParts): Promise<void> {
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'string', bodyLimit: MAX_BODY }, (_request, body, done) =>
      done(null, body),
    );
    const config = { rateLimit: { max: PER_MINUTE, timeWindow: '1 minute' } };
    scope.get(`${BASE}/cacerts`, { config }, (_request, reply) => sendAuthorities(parts, reply));
    scope.get(`${BASE}/csrattrs`, { config }, (_request, reply) =>
      sendBase64(reply.type('application/csrattrs'), CSR_ATTRIBUTES),
    );
    scope.post(`${BASE}/simpleenroll`, { config }, (request, reply) => enrol(parts, request, reply));
    scope.post(`${BASE}/simplereenroll`, { config }, (request, reply) => renew(parts, request, reply));
  });
}

async function sendAuthorities({ certificates }: EstParts, reply: FastifyReply) {
  const { issuing, root } = await certificates.authority.chain();
  return sendCertificates(reply, issuing === root ? root : `${issuing}${root}`);
}

/** With a token of the device's own, which is used up by the certificate and not by the question. */
async function enrol(parts: EstParts, request: FastifyRequest, reply: FastifyReply) {
  const { certificates } = parts;
  const shown = basicOf(request);
  const device = shown === null ? null : await ownerOfToken(parts, shown);
  if (device === null) {
    if (shown !== null) await noteStranger(parts, 'token_unknown', shown.user);
    return reply
      .header('www-authenticate', 'Basic realm="est"')
      .status(401)
      .type('text/plain')
      .send(NO_TOKEN);
  }
  const hash = hashSecret(shown?.password ?? '');
  const beside = async (db: Parameters<typeof useEstToken>[0]) => {
    if (!(await useEstToken(db, device, hash))) throw new TokenUsed();
  };
  try {
    const der = derIn(request.body);
    return await answer(reply, await certificates.desk.forDevice({ device, der, via: 'est', beside }));
  } catch (error) {
    if (!(error instanceof TokenUsed)) throw error;
    return reply.status(401).type('text/plain').send(NO_TOKEN);
  }
}

async function ownerOfToken({ store, clock }: EstParts, { user, password }: Basic): Promise<string | null> {
  const token = await store.read((db) => findEstToken(db, user));
  if (token === undefined || token.expires_at <= clock.now()) return null;
  return sameHash(hashSecret(password), token.hash) ? token.device : null;
}

class TokenUsed extends Error {}

const NO_TOKEN =
  'Authenticate as the device’s id with a token that has not been used: drawbridge-server ca token DEVICE.\n';

/** With the certificate that is to be replaced. */
async function renew(parts: EstParts, request: FastifyRequest, reply: FastifyReply) {
  const holder = await holderOf(parts, request.raw.socket as TLSSocket);
  if (!holder.ok) {
    await noteStranger(parts, holder.error, 'simplereenroll');
    const hint = holder.error === 'certificate_of_agent' ? OF_AGENT : NO_CERTIFICATE;
    return reply.status(403).type('text/plain').send(`${holder.error}: ${hint}\n`);
  }
  const der = derIn(request.body);
  const { desk } = parts.certificates;
  return answer(reply, await desk.forDevice({ device: holder.value, der, via: 'est' }));
}

const NO_CERTIFICATE =
  'Show the device’s current certificate in the TLS handshake; one that has ended or is revoked is replaced with a token, by simpleenroll.';

/** Its key lies in a file: whoever copied that could go on for ever by renewing what he has. */
const OF_AGENT =
  'This certificate was given to the device’s agent, which renews it over its own connection. For another client take a token: drawbridge-server ca token DEVICE.';

type Stranger =
  'no_certificate' | 'certificate_unknown' | 'certificate_revoked' | 'certificate_of_agent' | 'token_unknown';

async function holderOf({ store, clock }: EstParts, socket: TLSSocket): Promise<Result<string, Stranger>> {
  if (!socket.authorized) return err('no_certificate');
  const { serialNumber } = socket.getPeerCertificate();
  const row = await store.read((db) => findBySerial(db, serialNumber.toLowerCase()));
  if (row === undefined || row.device === null || row.not_after <= clock.now())
    return err('certificate_unknown');
  if (row.revoked_at !== null) return err('certificate_revoked');
  return row.via === 'est' ? ok(row.device) : err('certificate_of_agent');
}

async function noteStranger({ store, clock }: EstParts, reason: Stranger, subject: string): Promise<void> {
  const entry = {
    actor: 'est',
    action: 'refuse certificate',
    subject: subject.slice(0, 100),
    detail: { reason },
  };
  await store.write((db) => audit(db, clock.now(), entry));
}

async function answer(
  reply: FastifyReply,
  given: Result<{ certificate: string }, CertificateRefusal>,
): Promise<FastifyReply> {
  if (given.ok) return sendCertificates(reply, given.value.certificate);
  const { wait, hint } = CERTIFICATE_REFUSALS[given.error];
  if (wait) reply.header('retry-after', String(RETRY_AFTER));
  const status = wait ? 202 : given.error === 'malformed_request' ? 400 : 403;
  return reply.status(status).type('text/plain').send(`${given.error}: ${hint}\n`);
}

/** PKCS#7 without content or signer (RFC 5272 §4.1). */
function sendCertificates(reply: FastifyReply, pem: string): FastifyReply {
  const raw = new X509Certificates(certificatesIn(pem)).export('raw');
  return sendBase64(reply.type(CERTS_ONLY), Buffer.from(raw));
}

/** In lines, without which openssl does not read it. */
function sendBase64(reply: FastifyReply, bytes: Buffer): FastifyReply {
  return reply.send(`${bytes.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n`);
}

function derIn(body: unknown): Uint8Array {
  const text = typeof body === 'string' ? body.replaceAll(/\s/g, '') : '';
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : new Uint8Array();
}

type Basic = { user: string; password: string };

function basicOf({ headers }: FastifyRequest): Basic | null {
  const encoded = /^Basic ([A-Za-z0-9+/]{1,400}={0,2})$/i.exec(headers.authorization ?? '')?.[1];
  if (encoded === undefined) return null;
  const [user = '', ...rest] = Buffer.from(encoded, 'base64').toString('utf8').split(':');
  return { user, password: rest.join(':') };
}
