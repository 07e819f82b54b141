import { z } from 'zod';
import { jwe } from './vpn.ts';

/** Claims of a VPN credential, signed by the order key. Only its device can read the password. */
export const credentialClaims = z.object({
  iss: z.string(),
  aud: z.string(),
  /** Seconds. */
  iat: z.number(),
  /** The user name to dial with. */
  user: z.string().min(1).max(100),
  password: jwe,
  /** Which one it is: each device has one for each generation and epoch. */
  generation: z.number().int().nonnegative(),
  epoch: z.number().int().nonnegative(),
  /** Until when it is good, if nothing withdraws it (ISO 8601, UTC). */
  until: z.iso.datetime(),
});

export type CredentialClaims = z.infer<typeof credentialClaims>;

/** `dev-<device id>`: a name of its own, so that RADIUS alone says which device dials. */
export function credentialUser(device: string): string {
  return `dev-${device}`;
}

/** The device in a user name of this kind; null in any other. */
export function deviceOfUser(user: string): string | null {
  return /^dev-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(user)?.[1] ?? null;
}
