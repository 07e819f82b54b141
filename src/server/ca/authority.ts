import type { Result } from '../../base/result.ts';
import type { Csr } from './csr.ts';
import type { Profile } from './profile.ts';
import type { CertificateRefusal } from './refusals.ts';

export type Signed = {
  /** Hexadecimal, lower case, without leading zeros' loss: as the certificate has it. */
  serial: string;
  /** PEM. */
  certificate: string;
  /** Milliseconds. */
  notBefore: number;
  notAfter: number;
};

/** PEM certificates; `issuing` signs devices and gateways, and may be the root itself. */
export type Chain = { issuing: string; root: string };

/** Why a certificate is revoked, in the words of RFC 5280. */
export const REVOCATION_REASONS = {
  keyCompromise: 1,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const;
export type RevocationReason = keyof typeof REVOCATION_REASONS;

export type Revoked = { serial: string; revokedAt: number; reason: RevocationReason };

/** Who signs: the server's own authority, or another one that it asks. */
export interface CertificateAuthority {
  readonly name: 'internal' | 'step-ca';
  /** Whether to give a certificate is decided before. `now` in milliseconds. */
  sign(csr: Csr, profile: Profile, now: number): Promise<Result<Signed, CertificateRefusal>>;
  chain(): Promise<Chain>;
  /** Tells an authority that keeps a list of its own; null where the list is ours. */
  revoke: ((revoked: Revoked) => Promise<void>) | null;
  /** A list of what is revoked, DER, or null where the authority serves its own. */
  crl: ((revoked: readonly Revoked[], number: number, now: number) => Promise<Uint8Array>) | null;
}
