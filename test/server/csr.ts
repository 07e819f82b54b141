// Requests for certificates: honest ones, and any other.
import { webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequestGenerator, type Extension } from '../../src/base/x509.ts';

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export type CsrOptions = {
  name?: string;
  extensions?: Extension[];
  keys?: webcrypto.CryptoKeyPair;
  algorithm?: object;
};

export function ecKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(EC, true, ['sign', 'verify']);
}

export function rsaKeys(bits: number): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(
    {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      modulusLength: bits,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
    true,
    ['sign', 'verify'],
  );
}

/** DER. A key of its own unless one is given: making an EC key takes no time. */
export async function makeCsr({ name, extensions, keys, algorithm = EC }: CsrOptions = {}): Promise<Buffer> {
  const request = await Pkcs10CertificateRequestGenerator.create({
    ...(name !== undefined && { name }),
    ...(extensions !== undefined && { extensions }),
    keys: keys ?? (await ecKeys()),
    signingAlgorithm: algorithm as never,
  });
  return Buffer.from(request.rawData);
}
