import { webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '../base/x509.ts';
import { isMissing, writeAtomic } from '../base/atomic-file.ts';
import type { ServerConfig } from './config.ts';
import type { DataPaths } from './data-folder.ts';
import { guardSecret, readSecret } from './secret-file.ts';

const DAY_MS = 86_400_000;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
/** Devices' clocks run late; a certificate of this minute would be "not yet valid" for them. */
const BACKDATED_MS = DAY_MS;
const CA_DAYS = 3_650;
const SERVER_DAYS = 397;
const RENEW_BEFORE_MS = 30 * DAY_MS;

export type ServerTls = {
  cert: string;
  key: string;
  /** PEM of our own authority; null where the certificate is the company's own. */
  ca: string | null;
};

/** The certificate to serve with: the configured one, or ours, renewed when it is due. */
export async function loadTls(config: ServerConfig, paths: DataPaths, now: number): Promise<ServerTls> {
  if (config.tls) {
    const { certFile, keyFile } = config.tls;
    return { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8'), ca: null };
  }
  await renewServerCertificate(paths, config.names, now);
  const own = await readSecret(paths.tls);
  // Needed for renewal only, and may lie elsewhere until then; but whoever reads it can be this server tomorrow.
  await guardSecret(paths.tlsCaKey);
  return { cert: own, key: own, ca: await readFile(paths.tlsCa, 'utf8') };
}

/** An authority of this server's own, for ten years. */
export async function createAuthority(paths: DataPaths, now: number): Promise<void> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=Drawbridge server authority ${hostname().replaceAll(/[^A-Za-z0-9.-]/g, '')}`,
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(now, CA_DAYS),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await writeAtomic(paths.tlsCaKey, await pemOf(keys.privateKey));
  await writeAtomic(paths.tlsCa, `${certificate.toString('pem')}\n`, 0o644);
}

/** Makes a server certificate where there is none, it ends within 30 days, or it lacks a name; true when it did. */
export async function renewServerCertificate(
  paths: DataPaths,
  names: readonly string[],
  now: number,
): Promise<boolean> {
  const wanted = namesOf(names);
  const current = await readCertificate(paths.tls);
  if (current !== null && isGood(current, wanted, now)) return false;
  const authority = new X509Certificate(await readFile(paths.tlsCa, 'utf8'));
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.create({
    subject: `CN=${wanted[0] ?? 'localhost'}`,
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: await readPrivateKey(paths.tlsCaKey),
    signingAlgorithm: ALGORITHM,
    ...validity(now, SERVER_DAYS),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(
        wanted.map((name) => ({ type: isIP(name) ? 'ip' : 'dns', value: name })),
      ),
      await AuthorityKeyIdentifierExtension.create(authority),
    ],
  });
  await writeAtomic(paths.tls, `${await pemOf(keys.privateKey)}${certificate.toString('pem')}\n`);
  return true;
}

function namesOf(names: readonly string[]): string[] {
  const machine = /^[A-Za-z0-9.-]{1,253}$/.test(hostname()) ? [hostname()] : [];
  return [...new Set([...names, ...machine, 'localhost', '127.0.0.1', '::1'])];
}

function isGood(certificate: X509Certificate, wanted: readonly string[], now: number): boolean {
  if (certificate.notAfter.getTime() - now < RENEW_BEFORE_MS) return false;
  const covered = certificate.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  const values = covered.map((name) => name.value);
  return wanted.every((name) => values.includes(name));
}

async function readCertificate(path: string): Promise<X509Certificate | null> {
  try {
    return certificateIn(await readFile(path, 'utf8'));
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function certificateIn(pem: string): X509Certificate | null {
  const found = PemConverter.decodeWithHeaders(pem).find((part) => part.type === 'CERTIFICATE');
  return found === undefined ? null : new X509Certificate(found.rawData);
}

function validity(now: number, forDays: number) {
  return { notBefore: new Date(now - BACKDATED_MS), notAfter: new Date(now + forDays * DAY_MS) };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

async function readPrivateKey(path: string): Promise<webcrypto.CryptoKey> {
  const [der] = PemConverter.decode(await readSecret(path));
  if (der === undefined) throw new Error(`${path} holds no key`);
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}
