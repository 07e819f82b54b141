// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 wants it loaded before itself
import 'reflect-metadata';
import { randomUUID, webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  type X509Certificate,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

export type TestTls = { cert: string; key: string; ca: string };

/** A server certificate for localhost and an authority made for it. `shiftMs` moves its dates. */
export async function makeTls(shiftMs = 0): Promise<TestTls> {
  const dates = {
    notBefore: new Date(Date.now() + shiftMs - DAY_MS),
    notAfter: new Date(Date.now() + shiftMs + DAY_MS),
  };
  const [authorityKeys, keys] = await Promise.all([generate(), generate()]);
  const authority = await X509CertificateGenerator.createSelfSigned({
    name: `CN=Test authority ${randomUUID()}`,
    keys: authorityKeys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - 1_000 * DAY_MS),
    notAfter: new Date(Date.now() + 1_000 * DAY_MS),
    extensions: [new BasicConstraintsExtension(true, 0, true)],
  });
  const certificate = await X509CertificateGenerator.create({
    ...dates,
    subject: 'CN=localhost',
    issuer: authority.subject,
    publicKey: keys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ],
  });
  return { cert: pem(certificate), key: await pemOfKey(keys.privateKey), ca: pem(authority) };
}

function generate(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function pem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

async function pemOfKey(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
