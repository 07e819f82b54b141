import { randomBytes, type webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  CRLDistributionPointsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
  type X509Certificate,
} from '../../base/x509.ts';
import { err, ok } from '../../base/result.ts';
import { REVOCATION_REASONS, type CertificateAuthority } from './authority.ts';
import type { Csr } from './csr.ts';
import { certificatePem, SIGNING_ALGORITHM } from './keys.ts';
import type { Profile } from './profile.ts';

/** Clocks of devices and gateways differ. */
const BACKDATED_MS = 300_000;
/** An authority that ends within this signs nothing more: what it signed would end with it. */
const MIN_LEFT_MS = 3_600_000;

export type Issuing = {
  certificate: X509Certificate;
  root: X509Certificate;
  key: webcrypto.CryptoKey;
  /** Where the list of what is revoked can be fetched; null where it cannot. */
  crlUrl: string | null;
  /** For how long a list is good. */
  crlValidMs: number;
};

/** The server's own authority, with its issuing key in memory. */
export function internalAuthority(issuing: Issuing): CertificateAuthority {
  const { certificate: issuer, root } = issuing;
  const chain = { issuing: certificatePem(issuer), root: certificatePem(root) };
  return {
    name: 'internal',
    async sign(csr, profile, now) {
      if (now < issuer.notBefore.getTime() || now > issuer.notAfter.getTime() - MIN_LEFT_MS)
        return err('authority_expired');
      const certificate = await certify(issuing, csr, profile, now);
      return ok({
        serial: certificate.serialNumber.toLowerCase(),
        certificate: certificatePem(certificate),
        notBefore: certificate.notBefore.getTime(),
        notAfter: certificate.notAfter.getTime(),
      });
    },
    chain: async () => chain,
    revoke: null,
    async crl(revoked, number, now) {
      const list = await X509CrlGenerator.create({
        issuer: issuer.subjectName,
        thisUpdate: new Date(now - BACKDATED_MS),
        nextUpdate: new Date(now + issuing.crlValidMs),
        entries: revoked.map(({ serial, revokedAt, reason }) => ({
          serialNumber: serial,
          revocationDate: new Date(revokedAt),
          reason: REVOCATION_REASONS[reason],
        })),
        extensions: [await AuthorityKeyIdentifierExtension.create(issuer), crlNumber(number)],
        signingAlgorithm: SIGNING_ALGORITHM,
        signingKey: issuing.key,
      });
      return new Uint8Array(list.rawData);
    },
  };
}

async function certify(
  { certificate: issuer, key, crlUrl }: Issuing,
  csr: Csr,
  profile: Profile,
  now: number,
) {
  const publicKey = new PublicKey(csr.publicKey as Uint8Array<ArrayBuffer>);
  return X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [profile.commonName] }],
    issuer: issuer.subjectName,
    publicKey,
    signingKey: key,
    signingAlgorithm: SIGNING_ALGORITHM,
    notBefore: wholeSecond(Math.max(now - BACKDATED_MS, issuer.notBefore.getTime())),
    notAfter: wholeSecond(Math.min(now + profile.validMs, issuer.notAfter.getTime())),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([...profile.usages]),
      new SubjectAlternativeNameExtension(profile.names.map(({ type, value }) => ({ type, value }))),
      await AuthorityKeyIdentifierExtension.create(issuer),
      await SubjectKeyIdentifierExtension.create(publicKey),
      ...(crlUrl === null ? [] : [new CRLDistributionPointsExtension([crlUrl])]),
    ],
  });
}

/** 126 random bits, positive and never shorter: what is on record is what the certificate says. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

function wholeSecond(ms: number): Date {
  return new Date(Math.floor(ms / 1_000) * 1_000);
}

/** RFC 5280 §5.2.3: a DER integer that rises with each list. */
function crlNumber(number: number): Extension {
  const hex = number.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const positive = (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
  return new Extension('2.5.29.20', false, Buffer.concat([Buffer.of(2, positive.length), positive]));
}
