import { createHash, webcrypto } from 'node:crypto';
import { PemConverter, X509Certificate } from '../../base/x509.ts';

/** RSA and SHA-256: what every IKEv1 implementation takes, those of Windows and macOS included. */
const SIGNING = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;
const PUBLIC_EXPONENT = new Uint8Array([1, 0, 1]);
/** For ten years; 3072 bits are as strong as AES-128. */
const AUTHORITY_BITS = 3_072;

export const SIGNING_ALGORITHM = SIGNING;

export function generateAuthorityKeys(bits = AUTHORITY_BITS): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = { ...SIGNING, modulusLength: bits, publicExponent: PUBLIC_EXPONENT };
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

/** PKCS#8 PEM. */
export async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  return `${PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`;
}

/** A private key of an authority. Throws for anything that is not an RSA key in PKCS#8 PEM. */
export async function importAuthorityKey(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = PemConverter.decode(pem);
  if (der === undefined) throw new Error('there is no key in it');
  return webcrypto.subtle.importKey('pkcs8', der, SIGNING, true, ['sign']);
}

/** Whether the private key is the one that the certificate speaks of. */
export async function isKeyOf(key: webcrypto.CryptoKey, certificate: X509Certificate): Promise<boolean> {
  const probe = new TextEncoder().encode('drawbridge');
  const signature = await webcrypto.subtle.sign(SIGNING, key, probe);
  try {
    const publicKey = await webcrypto.subtle.importKey(
      'spki',
      certificate.publicKey.rawData,
      SIGNING,
      false,
      ['verify'],
    );
    return await webcrypto.subtle.verify(SIGNING, publicKey, signature, probe);
  } catch {
    return false;
  }
}

/** All certificates of a PEM text, in its order. Throws when one cannot be read. */
export function certificatesIn(pem: string): X509Certificate[] {
  return PemConverter.decodeWithHeaders(pem)
    .filter(({ type }) => type === 'CERTIFICATE')
    .map(({ rawData }) => new X509Certificate(rawData));
}

export function certificatePem(certificate: X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

/** SHA-256, base64url. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url');
}
