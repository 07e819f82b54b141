import { z } from 'zod';

/**
 * The policy as compiled for one device: only what that device needs to judge itself. Signed by the order key,
 * `typ: posture-policy+jwt`. Its body is what `src/policy/compiled.ts` makes of the policy file.
 */
export const standingClaims = z.object({
  iss: z.string(),
  aud: z.string(),
  iat: z.number(),
  exp: z.number(),
  /** Rises with every change; an older one is refused. */
  version: z.number().int().positive(),
  policy: z.unknown(),
  /**
   * Break-glass: seconds since the epoch until which this device takes nothing down by itself, whatever its own
   * judgement says. The server's own orders are not touched by it.
   */
  break_glass: z.number().nullable().default(null),
});

export type StandingClaims = z.infer<typeof standingClaims>;
