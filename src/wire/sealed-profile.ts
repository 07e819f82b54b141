import { err, ok, type Result } from '../base/result.ts';
import type { PublicJwk } from './envelope.ts';
import { openSecret, sealSecret } from './sealed-secret.ts';
import type { SealedProfile, VpnProfile } from './vpn.ts';

/** A profile whose secrets one device alone can read. */
export async function sealProfile(profile: VpnProfile, recipient: PublicJwk): Promise<SealedProfile> {
  return withSecrets(profile, (secret) => sealSecret(secret, recipient));
}

/** The profile as a driver needs it. `agree` is the encryption key's ECDH with a peer's key. */
export async function openProfile(
  sealed: SealedProfile,
  agree: (peer: PublicJwk) => Promise<Uint8Array>,
): Promise<Result<VpnProfile, string>> {
  let problem: string | null = null;
  const profile = await withSecrets(sealed, async (jwe) => {
    const opened = await openSecret(jwe, agree);
    if (opened.ok) return opened.value;
    problem = opened.error;
    return '';
  });
  return problem === null ? ok(profile) : err(problem);
}

/** The same profile with each secret changed in form. */
async function withSecrets<P extends VpnProfile | SealedProfile>(
  profile: P,
  change: (secret: string) => Promise<string>,
): Promise<P> {
  const { machine, user } = profile;
  return {
    ...profile,
    machine: await changed(machine, change),
    user: user === null || user.password === null ? user : { ...user, password: await change(user.password) },
  };
}

async function changed<M extends VpnProfile['machine'] | SealedProfile['machine']>(
  machine: M,
  change: (secret: string) => Promise<string>,
): Promise<M> {
  switch (machine.kind) {
    case 'psk':
      return { ...machine, psk: await change(machine.psk) };
    case 'certificate':
      return { ...machine, key: await change(machine.key) };
    case 'device-certificate':
      return machine;
  }
}
