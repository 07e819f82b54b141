import { webcrypto } from 'node:crypto';

/** A key for one certificate, with the request for it. */
export type VpnKey = {
  /** PKCS#8 PEM: VPN software reads it from a file, or takes it into its own store. */
  key: string;
  /** PKCS#10, DER. Names nobody: the server sets the names. */
  csr: Uint8Array;
};

/** RSA: what the IKEv1 of every system takes. */
const ALGORITHM = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  modulusLength: 2_048,
  publicExponent: new Uint8Array([1, 0, 1]),
};

/** A key made by software. */
export async function softwareVpnKey(): Promise<VpnKey> {
  // Asked for once in a certificate's life, and large.
  const { PemConverter, Pkcs10CertificateRequestGenerator } = await import('../../base/x509.ts');
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const request = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: ALGORITHM });
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  return { key: `${key}\n`, csr: new Uint8Array(request.rawData) };
}
