import {
  base64url,
  calculateJwkThumbprint,
  compactVerify,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWK,
} from 'jose';
import { z } from 'zod';
import { err, ok, type Result } from '../base/result.ts';
import type { Refusal } from './refusal.ts';

/** ES256 everywhere: TPM 2.0 and the Secure Enclave do P-256 only. */
export const ALGORITHM = 'ES256';

/** The `typ` of each kind of token; a token of one kind is refused where another is expected. */
export const TYP = {
  enrollChallenge: 'enroll-challenge+jwt',
  enroll: 'enroll+jwt',
  enrollResult: 'enroll-result+jwt',
  rotate: 'rotate+jwt',
  rotateResult: 'rotate-result+jwt',
  session: 'posture-session+jwt',
  report: 'eat+jwt',
  order: 'posture-order+jwt',
  receipt: 'posture-result+jwt',
  policy: 'posture-policy+jwt',
  baseline: 'posture-baseline+jwt',
  csr: 'posture-csr+jwt',
  certificate: 'posture-certificate+jwt',
  credential: 'posture-credential+jwt',
} as const;

export type Typ = (typeof TYP)[keyof typeof TYP];

/** A P-256 public key and nothing else. */
export const publicJwk = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string().length(43),
  y: z.string().length(43),
});

export type PublicJwk = z.infer<typeof publicJwk>;

/** Whatever can sign: a key in a TPM, an operating system's store, or a file. */
export type Signer = {
  /** RFC 7638 SHA-256 thumbprint of the public key. */
  kid: string;
  jwk: PublicJwk;
  /** 64 bytes, r||s, over SHA-256 of `bytes`. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
};

const encoder = new TextEncoder();

/**
 * A compact JWS. The signing input is built here so that any key store can sign it.
 * `withKey` puts the public key into the header: only for enrolment, where nobody knows it yet.
 */
export async function seal(typ: Typ, payload: object, signer: Signer, withKey = false): Promise<string> {
  const header = { alg: ALGORITHM, typ, kid: signer.kid, ...(withKey ? { jwk: signer.jwk } : {}) };
  const input = `${part(header)}.${part(payload)}`;
  const signature = await signer.sign(encoder.encode(input));
  return `${input}.${base64url.encode(signature)}`;
}

function part(value: object): string {
  return base64url.encode(JSON.stringify(value));
}

const headerSchema = z.strictObject({
  alg: z.literal(ALGORITHM),
  typ: z.string(),
  kid: z.string().length(43),
  jwk: publicJwk.optional(),
});

export type Header = z.infer<typeof headerSchema>;

/** Size, shape and header of a token, before anything expensive. */
export function inspect(jws: string, typ: Typ, maxBytes: number): Result<Header, Refusal> {
  if (jws.length > maxBytes) return err('frame_too_large');
  if (jws.split('.').length !== 3) return err('malformed');
  let raw: unknown;
  try {
    raw = decodeProtectedHeader(jws);
  } catch {
    return err('malformed');
  }
  const header = headerSchema.safeParse(raw);
  // An unknown header member (crit, x5c, jku) is refused with the rest: nothing in it is ever followed.
  return header.success && header.data.typ === typ ? ok(header.data) : err('wrong_type');
}

/** The payload of a token whose header was inspected, once its signature by `key` has been verified. */
export async function open<S extends z.ZodType>(
  jws: string,
  key: PublicJwk,
  schema: S,
): Promise<Result<z.output<S>, Refusal>> {
  const payload = await verified(jws, key);
  if (!payload.ok) return payload;
  const parsed = schema.safeParse(payload.value);
  return parsed.success ? ok(parsed.data) : err('malformed');
}

/** Like `open`, for callers that check claims in an order of their own before the whole schema. */
export async function verified(jws: string, key: PublicJwk): Promise<Result<unknown, Refusal>> {
  try {
    const { payload } = await compactVerify(jws, key as JWK, { algorithms: [ALGORITHM] });
    return ok(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)));
  } catch (error) {
    return err(error instanceof errors.JWSSignatureVerificationFailed ? 'bad_signature' : 'malformed');
  }
}

/** RFC 7638, SHA-256, base64url: 43 characters. */
export function thumbprint(jwk: PublicJwk): Promise<string> {
  return calculateJwkThumbprint(jwk as JWK, 'sha256');
}

/** The payload of a token that was verified before it was kept; null where it is none. */
export function payloadOf(jws: string): unknown {
  try {
    return decodeJwt(jws);
  } catch {
    return null;
  }
}
