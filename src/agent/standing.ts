import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { CompiledPolicy } from '../policy/compiled.ts';
import { inspect, open, TYP } from '../wire/envelope.ts';
import { MAX_FRAME } from '../wire/frames.ts';
import { deviceUrn, digest, serverUrn } from '../wire/ids.ts';
import { standingClaims, type StandingClaims } from '../wire/standing.ts';
import { orderKey, type Identity } from './enrolment.ts';
import type { StateFile } from './state-file.ts';

/** As it came: verified anew at each start, so that changing the file changes nothing. */
export const standingState = () => z.object({ jws: z.string() });

export type StandingState = z.infer<ReturnType<typeof standingState>>;

export type StandingPolicy = {
  version: number;
  /** Seconds since the epoch. */
  expires: number;
  policy: CompiledPolicy;
  /** Milliseconds until which the device takes nothing down by itself; null: no such permission. */
  breakGlassUntil: number | null;
  /** Digest of the signed policy: tells the server which one this device holds. */
  digest: string;
};

/** The policy by which the device judges itself while no server answers. */
export type Standing = {
  /** Null before the first and once it has expired. */
  current(): StandingPolicy | null;
  /** When the one that is held ends, or has ended (milliseconds); null before the first. */
  expiresAt(): number | null;
  /** Takes a policy frame. An older version than the one held is refused; the last good one stays in force. */
  take(jws: string): Promise<Result<StandingPolicy, string>>;
};

export async function openStanding(
  file: StateFile<StandingState>,
  identity: Identity,
  clock: Clock,
): Promise<Standing> {
  const stored = await file.read();
  const opened = stored === null ? err('none') : await openPolicy(stored.jws, identity);
  let held = opened.ok ? opened.value : null;
  return {
    current: () => (held !== null && held.expires * 1_000 > clock.now() ? held : null),
    expiresAt: () => (held === null ? null : held.expires * 1_000),
    async take(jws) {
      const policy = await openPolicy(jws, identity);
      if (!policy.ok) return policy;
      if (policy.value.expires * 1_000 <= clock.now()) return err('expired');
      if (held !== null && policy.value.version < held.version) return err('superseded');
      await file.write({ jws });
      held = policy.value;
      return policy;
    },
  };
}

/** Verifies a signed policy for this very device; says nothing about its age. */
export async function openPolicy(jws: string, identity: Identity): Promise<Result<StandingPolicy, string>> {
  const header = inspect(jws, TYP.policy, MAX_FRAME);
  if (!header.ok) return header;
  const key = await orderKey(identity, header.value.kid);
  if (key === null) return err('unknown_key');
  const claims = await open(jws, key, standingClaims);
  if (!claims.ok) return claims;
  if (!isFor(claims.value, identity)) return err('foreign');
  const { parseCompiled } = await import('../policy/compiled.ts');
  const policy = parseCompiled(claims.value.policy);
  if (!policy.ok) return policy;
  return ok({
    version: claims.value.version,
    expires: claims.value.exp,
    policy: policy.value,
    breakGlassUntil: claims.value.break_glass === null ? null : claims.value.break_glass * 1_000,
    digest: digest(jws),
  });
}

function isFor({ aud, iss }: StandingClaims, identity: Identity): boolean {
  return aud === deviceUrn(identity.device) && iss === serverUrn(identity.orderRoot);
}
