import { z } from 'zod';
import { err, ok, type Result } from '../base/result.ts';
import { inspect, TYP, verified, type PublicJwk } from '../wire/envelope.ts';
import { MAX_FRAME } from '../wire/frames.ts';
import { deviceUrn } from '../wire/ids.ts';
import type { Refusal } from '../wire/refusal.ts';
import { EAT_PROFILE } from '../wire/version.ts';
import { WINDOW_MS, type Nonces } from './nonces.ts';

/** The session that a connection has proven: what its frames have to agree with. */
export type Session = {
  device: string;
  ueid: string;
  /** The key that signs this connection's frames, and its thumbprint. */
  jwk: PublicJwk;
  kid: string;
  boot: string;
};

/** The claims that are checked one by one before the whole shape is. */
const headSchema = z.object({
  iss: z.string(),
  aud: z.string(),
  iat: z.number(),
  eat_profile: z.string(),
  eat_nonce: z.string().optional(),
  ueid: z.string(),
  jti: z.string().max(64),
  seq: z.number(),
  kind: z.string(),
  boot: z.string(),
});

type Head = z.infer<typeof headSchema>;

/** A payload whose signature, origin and freshness are beyond doubt; its shape is not yet. */
export type Evident = { jti: string; seq: number; payload: unknown };
export type Refused = { code: Refusal; id: string | null };

/**
 * Steps 1 to 7 of the order in which a report is checked: size, header and key, signature, issuer and audience,
 * profile, time, nonce. The first failure is the answer.
 */
export async function verifyReport(
  jws: string,
  context: { session: Session; nonces: Nonces; audience: string; now: number },
): Promise<Result<Evident, Refused>> {
  const { session } = context;
  const header = inspect(jws, TYP.report, MAX_FRAME);
  if (!header.ok) return refuse(header.error);
  if (header.value.kid !== session.kid) return refuse('unknown_key');
  const payload = await verified(jws, session.jwk);
  if (!payload.ok) return refuse(payload.error);
  const head = headSchema.safeParse(payload.value);
  if (!head.success) return refuse('malformed');
  const code = headRefusal(head.data, context);
  const { jti, seq } = head.data;
  return code === null ? ok({ jti, seq, payload: payload.value }) : refuse(code, jti);
}

function headRefusal(
  head: Head,
  { session, nonces, audience, now }: { session: Session; nonces: Nonces; audience: string; now: number },
): Refusal | null {
  if (head.iss !== deviceUrn(session.device) || head.ueid !== session.ueid) return 'wrong_issuer';
  if (head.aud !== audience) return 'wrong_audience';
  if (head.eat_profile !== EAT_PROFILE) return 'unsupported_profile';
  if (isSkewed(head.iat, now)) return 'clock_skew';
  // Another start of the agent has another session key: this frame was not made for this connection.
  if (head.boot !== session.boot) return 'malformed';
  if (head.kind === 'offline') return null;
  const used = nonces.use(head.eat_nonce, now);
  return used === 'used' ? null : used;
}

/** `iat` is in seconds, `now` in milliseconds. */
export function isSkewed(iat: number, now: number): boolean {
  return Math.abs(now - iat * 1_000) > WINDOW_MS;
}

function refuse(code: Refusal, id: string | null = null): Result<never, Refused> {
  return err({ code, id });
}
