import { z } from 'zod';
import { publicJwk } from './envelope.ts';
import { hardwareId } from './hardware.ts';
import { nonce, ueid } from './ids.ts';

const keyProtection = z.enum(['tpm', 'os-keystore', 'file']);

/** What a token may make of its bearer. */
export const roles = z.enum(['device', 'gateway']);

/**
 * Step 1, `POST /v1/enroll/challenge`: nothing secret. The server signs the agent's nonce with its order root, whose
 * thumbprint stands in the token: whatever TLS says, only that server gets any further.
 */
export const challengeRequest = z.object({ nonce });

/** Signed by the order root, which is in the header. */
export const challengeClaims = z.object({
  iss: z.string(),
  iat: z.number(),
  nonce,
  /** Single use, 120 s. */
  challenge: nonce,
  /** PEM of the authority that signed the server's TLS certificate, when it is the server's own. */
  tls_ca: z.string().max(10_000).nullable(),
  versions: z.object({ oldest: z.number().int(), current: z.number().int() }),
});

export const jwsBody = z.object({ jws: z.string().max(65_536) });

/** Step 2, `POST /v1/enroll`, over TLS that now verifies: signed by the new report key, which is in the header. */
export const enrolClaims = z.object({
  aud: z.string(),
  iat: z.number(),
  nonce,
  token: z.object({ id: z.string().max(40), secret: z.string().max(40) }),
  ueid,
  /** ECDH-ES key to which secrets inside orders are encrypted. */
  encryption_key: publicJwk,
  host: z.object({
    name: z.string().max(255),
    platform: z.enum(['windows', 'macos', 'linux']),
    /** Keyed hash of the system's own id: the same hardware again is a replacement, not a second device. */
    machine_id: z.string().max(100).nullable(),
    /** Hashes of its serial number and the like, which outlive a new installation. */
    hardware_ids: z.array(hardwareId).max(4).optional(),
    key_protection: keyProtection,
  }),
});

export type EnrolClaims = z.infer<typeof enrolClaims>;

/** The answer, signed by the order root again. */
export const enrolResult = z.object({
  iss: z.string(),
  aud: z.string(),
  iat: z.number(),
  nonce,
  device: z.uuidv7(),
  /** `pending`: this hardware is enrolled already; an administrator has to approve the replacement. */
  status: z.enum(['enrolled', 'pending']),
  /** Keys that may sign orders and policies. */
  order_keys: z.array(publicJwk).min(1).max(4),
});

export type EnrolResult = z.infer<typeof enrolResult>;

/**
 * `POST /v1/keys`: new keys for a device that has some. Signed twice, each time with the same payload: by the report
 * key that goes, and by the new one, which is in the header.
 */
export const rotateRequest = z.object({ old: z.string().max(16_384), new: z.string().max(16_384) });

export const rotateClaims = z.object({
  iss: z.string(),
  aud: z.string(),
  iat: z.number(),
  /** A challenge, as for enrolment. */
  nonce,
  report_key: publicJwk,
  encryption_key: publicJwk,
  key_protection: keyProtection,
});

export type RotateClaims = z.infer<typeof rotateClaims>;

/** The answer, signed by the order root. */
export const rotateResult = z.object({
  iss: z.string(),
  aud: z.string(),
  iat: z.number(),
  nonce,
  kid: z.string(),
});

/** Signed by the report key when a connection opens: this connection's frames are signed by `cnf.jwk`. */
export const sessionClaims = z.object({
  iss: z.string(),
  aud: z.string(),
  iat: z.number(),
  eat_nonce: nonce,
  boot: nonce,
  cnf: z.object({ jwk: publicJwk }),
  version: z.number().int(),
  swversion: z.string().max(50),
});

export type SessionClaims = z.infer<typeof sessionClaims>;
