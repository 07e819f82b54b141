import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  type Extension,
} from '../../base/x509.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { sha256 } from './keys.ts';
import type { Profile } from './profile.ts';
import type { CertificateRefusal } from './refusals.ts';

/** What is taken of a request: its key. Names and extensions are the profile's. */
export type Csr = {
  der: Uint8Array;
  /** SHA-256 of the request and of its key, base64url. */
  digest: string;
  keyId: string;
  /** SubjectPublicKeyInfo, DER, in its one canonical form. */
  publicKey: Uint8Array;
};

const MAX_BYTES = 16_384;
const STRONG_HASHES = ['SHA-256', 'SHA-384', 'SHA-512'];
const CURVES = ['prime256v1', 'secp384r1'];

/** Reads a request that a stranger may have written; asks for nothing but what the profile says already. */
export async function readCsr(der: Uint8Array, profile: Profile): Promise<Result<Csr, CertificateRefusal>> {
  if (der.length > MAX_BYTES) return err('malformed_request');
  try {
    const request = new Pkcs10CertificateRequest(der as Uint8Array<ArrayBuffer>);
    const key = createPublicKey({
      key: Buffer.from(request.publicKey.rawData),
      format: 'der',
      type: 'spki',
    });
    if (!isStrong(key) || !STRONG_HASHES.includes(hashOf(request))) return err('weak_key');
    if (!(await request.verify())) return err('bad_signature');
    if (!namesOnly(request, profile.commonName)) return err('other_name');
    const problem = problemWith(request.extensions, profile);
    if (problem !== null) return err(problem);
    const publicKey = key.export({ format: 'der', type: 'spki' });
    return ok({ der, digest: sha256(der), keyId: sha256(publicKey), publicKey });
  } catch {
    // What the parser throws is as hostile as what it was given.
    return err('malformed_request');
  }
}

function isStrong(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa')
    return modulusLength >= 2_048 && modulusLength <= 4_096 && publicExponent === 65_537n;
  return key.asymmetricKeyType === 'ec' && CURVES.includes(namedCurve);
}

function hashOf({ signatureAlgorithm }: Pkcs10CertificateRequest): string {
  return signatureAlgorithm.hash?.name ?? '';
}

/** A subject may be left out; if it is there, it is the common name alone, and the right one. */
function namesOnly({ subjectName }: Pkcs10CertificateRequest, commonName: string): boolean {
  const parts = subjectName.toJSON().flatMap((part) => Object.entries(part));
  return parts.every(
    ([type, values]) => type === 'CN' && values.length === 1 && String(values[0]) === commonName,
  );
}

function problemWith(extensions: readonly Extension[], profile: Profile): CertificateRefusal | null {
  for (const extension of extensions) {
    if (extension instanceof SubjectAlternativeNameExtension) {
      const foreign = extension.names.items.some(
        ({ type, value }) => !profile.names.some((name) => name.type === type && name.value === value),
      );
      if (foreign) return 'other_name';
    } else if (!isHarmless(extension, profile)) return 'forged_extension';
  }
  return null;
}

/** What openssl adds by itself, or what a person asks for who has read the profile. */
function isHarmless(extension: Extension, profile: Profile): boolean {
  if (extension instanceof KeyUsagesExtension) return extension.usages === KeyUsageFlags.digitalSignature;
  if (extension instanceof ExtendedKeyUsageExtension)
    return extension.usages.every((usage) => profile.usages.includes(String(usage)));
  return extension.type === SUBJECT_KEY_ID;
}

const SUBJECT_KEY_ID = '2.5.29.14';
