import { z } from 'zod';
import { uuid } from './ids.ts';

const pem = z
  .string()
  .max(32_768)
  .regex(/^-----BEGIN CERTIFICATE-----/);
const digest = z.string().length(43);

/**
 * Claims of a request for a certificate, signed by the device's report key: whoever sits in between and ends TLS cannot
 * put a key of its own into it. Times are in seconds.
 */
export const csrClaims = z.object({
  iss: z.string(),
  aud: z.string(),
  iat: z.number(),
  jti: uuid,
  /** PKCS#10, DER, base64. */
  csr: z.base64().max(24_000),
});

export type CsrClaims = z.infer<typeof csrClaims>;

/** Claims of the answer, signed by the order key: it also says which authority to trust. */
export const certificateClaims = z.object({
  iss: z.string(),
  aud: z.string(),
  iat: z.number(),
  /** SHA-256 of the request, base64url. */
  csr: digest,
  certificate: pem,
  /** Who signed it, and who signed that one; the same where there is no one in between. */
  issuing: pem,
  root: pem,
});

export type CertificateClaims = z.infer<typeof certificateClaims>;

/** A certificate is not given, or not now. */
export const certificateRefused = z.object({
  t: z.literal('certificate-refused'),
  csr: digest.nullable(),
  err: z.string().max(60),
  hint: z.string().max(500),
  /** Seconds after which the same request may succeed; null: a new one is needed. */
  retry_s: z.number().positive().nullable(),
});

export type CertificateRefused = z.infer<typeof certificateRefused>;
