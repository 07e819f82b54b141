import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { importJWK, SignJWT, type JWK } from 'jose';
import { z } from 'zod';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  type X509Certificate,
} from '../../base/x509.ts';
import type { Logger } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { thumbprint } from '../../wire/envelope.ts';
import { privateJwk, publicPart } from '../../wire/software-key.ts';
import { REVOCATION_REASONS, type CertificateAuthority, type Revoked, type Signed } from './authority.ts';
import type { Csr } from './csr.ts';
import { certificatePem, certificatesIn, sha256 } from './keys.ts';
import type { Profile } from './profile.ts';

export type StepCaParts = {
  url: string;
  /** PEM of the authority's root. */
  ca: string;
  /** Name of a JWK provisioner, and its private key: a P-256 JWK. */
  provisioner: string;
  key: unknown;
  log: Logger;
};

const TIMEOUT_MS = 10_000;
const MAX_BYTES = 131_072;
const TOKEN_SECONDS = 300;
/** By which a certificate may begin earlier or end later than asked for. */
const LEEWAY_MS = 120_000;

const pem = z.string().max(32_768);
const signResponse = z.object({ crt: pem, ca: pem, certChain: z.array(pem).max(5).optional() });

/**
 * step-ca by its documented API: `POST /1.0/sign` and `/1.0/revoke` with a one-time token of a JWK provisioner. What
 * comes back is held against the profile: another authority's template decides what it signs.
 */
export async function stepCaAuthority(parts: StepCaParts): Promise<CertificateAuthority> {
  const key = privateJwk.parse(parts.key);
  const signer = { key: await importJWK(key as JWK, 'ES256'), kid: await thumbprint(publicPart(key)) };
  const token = (path: string, sub: string, claims: object) => oneTimeToken(parts, signer, path, sub, claims);
  const root = certificatePem(
    certificatesIn(parts.ca)[0] ?? fail(`${parts.url}: caFile holds no certificate`),
  );
  let issuing = root;
  return {
    name: 'step-ca',
    async sign(csr, profile, now) {
      const sans = profile.names.map(({ value }) => value);
      const ott = await token('/1.0/sign', profile.commonName, { sans });
      const csrPem = PemConverter.encode(csr.der as Uint8Array<ArrayBuffer>, 'CERTIFICATE REQUEST');
      const notAfter = new Date(now + profile.validMs).toISOString();
      const answer = await post(parts, '/1.0/sign', { csr: csrPem, ott, notAfter });
      const parsed = answer.ok ? signResponse.safeParse(answer.value) : null;
      if (parsed?.success !== true) {
        parts.log.error({ problem: answer.ok ? 'malformed answer' : answer.error }, 'step-ca did not sign');
        return err('authority_failed');
      }
      const signed = checked(parsed.data.crt, csr, profile, now);
      if (!signed.ok) {
        parts.log.error({ problem: signed.error }, 'step-ca signed something else than was asked for');
        return err('authority_failed');
      }
      issuing = parsed.data.ca;
      return signed;
    },
    chain: async () => ({ issuing, root }),
    async revoke({ serial, reason }: Revoked) {
      // step-ca names serial numbers in decimal.
      const sub = BigInt(`0x${serial}`).toString();
      const ott = await token('/1.0/revoke', sub, {});
      const body = { serial: sub, ott, reasonCode: REVOCATION_REASONS[reason], reason, passive: true };
      const answer = await post(parts, '/1.0/revoke', body);
      if (!answer.ok && !/revoked/i.test(answer.error))
        throw new Error(`step-ca did not revoke: ${answer.error}`);
    },
    crl: null,
  };
}

function fail(message: string): never {
  throw new Error(message);
}

function oneTimeToken(
  { url, provisioner }: StepCaParts,
  { key, kid }: { key: Parameters<SignJWT['sign']>[0]; kid: string },
  path: string,
  subject: string,
  claims: object,
): Promise<string> {
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
    .setIssuer(provisioner)
    .setAudience(new URL(path, url).href)
    .setSubject(subject)
    .setJti(randomUUID())
    .setIssuedAt()
    .setNotBefore('0s')
    .setExpirationTime(`${TOKEN_SECONDS}s`)
    .sign(key);
}

/** The certificate that was asked for, and nothing more; the error says what is wrong with it. */
function checked(crt: string, csr: Csr, profile: Profile, now: number): Result<Signed, string> {
  const [certificate] = certificatesIn(crt);
  if (certificate === undefined) return err('no certificate');
  const { notBefore, notAfter, serialNumber } = certificate;
  const problem =
    differing(certificate, csr, profile) ??
    (notAfter.getTime() > now + profile.validMs + LEEWAY_MS ? 'it is good for longer' : null) ??
    (notBefore.getTime() > now + LEEWAY_MS ? 'it is not good yet' : null);
  if (problem !== null) return err(problem);
  return ok({
    serial: serialNumber.toLowerCase(),
    certificate: certificatePem(certificate),
    notBefore: notBefore.getTime(),
    notAfter: notAfter.getTime(),
  });
}

function differing(certificate: X509Certificate, csr: Csr, profile: Profile): string | null {
  if (sha256(new Uint8Array(certificate.publicKey.rawData)) !== csr.keyId) return 'it is for another key';
  const commonNames = certificate.subjectName.getField('CN');
  if (commonNames.length !== 1 || commonNames[0] !== profile.commonName) return 'it names somebody else';
  if (certificate.getExtension(BasicConstraintsExtension)?.ca === true) return 'it may sign others';
  const names = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  const isOurs = names.every(({ type, value }) =>
    profile.names.some((name) => name.type === type && name.value === value),
  );
  if (!isOurs || names.length !== profile.names.length) return 'its names are others';
  const usages = certificate.getExtension(ExtendedKeyUsageExtension)?.usages.map(String) ?? [];
  const missing = profile.usages.filter((usage) => !usages.includes(usage));
  return missing.length === 0 ? null : `its extended key usages lack ${missing.join(', ')}: see its template`;
}

function post({ url, ca }: StepCaParts, path: string, body: object): Promise<Result<unknown, string>> {
  return new Promise((resolve) => {
    const failed = (error: Error) => resolve(err(error.message));
    const options = {
      method: 'POST',
      ca,
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    };
    const outgoing = request(new URL(path, url), options, (incoming) => {
      bodyOf(incoming).then(resolve, failed);
    });
    outgoing.once('error', failed);
    outgoing.end(JSON.stringify(body));
  });
}

async function bodyOf(incoming: IncomingMessage): Promise<Result<unknown, string>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) return err('its answer is too large');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const status = incoming.statusCode ?? 0;
  if (status < 200 || status > 299) return err(`${status} ${text.slice(0, 300)}`);
  try {
    return ok(JSON.parse(text));
  } catch {
    return err('its answer is no JSON');
  }
}
