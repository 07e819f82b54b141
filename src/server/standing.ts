import { PLATFORMS, type Platform } from '../../collectors/check.ts';
import type { Clock } from '../base/clock.ts';
import { compile } from '../policy/compiled.ts';
import { policySchema, type Policy } from '../policy/policy.ts';
import { seal, TYP, type Signer } from '../wire/envelope.ts';
import { deviceUrn, digest } from '../wire/ids.ts';
import type { NamedPolicy } from './decide.ts';
import { findDevice, type Device } from './store/devices.ts';
import { getMeta, setMeta } from './store/meta.ts';
import type { Store } from './store/store.ts';

/** The policy in force. Version and label change whenever its content does. */
export type InForce = NamedPolicy & { version: number };

/** The standing policy: what devices hold, so that they can judge themselves while the server is away. */
export type Standing = {
  inForce(): InForce;
  /** Puts another policy in force, which is on record before this resolves. */
  replace(policy: Policy): Promise<InForce>;
  /** The policy for one device, signed by the order key. */
  sealFor(device: string): Promise<string>;
};

/** A device that has not met its server for so long has no policy any more. */
const VALID_SECONDS = 30 * 86_400;

export async function createStanding(
  parts: { store: Store; clock: Clock; signer: Signer; issuer: string },
  policy: Policy,
): Promise<Standing> {
  const { store, clock, signer, issuer } = parts;
  let current = await enforce(store, policy, clock.now());
  return {
    inForce: () => current,
    async replace(next) {
      current = await enforce(store, next, clock.now());
      return current;
    },
    async sealFor(device) {
      const row = await store.read((db) => findDevice(db, device));
      const iat = Math.floor(clock.now() / 1_000);
      const { version } = current;
      const policy = compile(current.policy, {
        mode: 'enforce',
        courses: {},
        held: false,
        platform: platformOf(row),
      });
      const claims = { iss: issuer, aud: deviceUrn(device), iat, exp: iat + VALID_SECONDS, version, policy };
      return seal(TYP.policy, claims, signer);
    },
  };
}

function platformOf(device: Device | undefined): Platform | null {
  return PLATFORMS.find((one) => one === device?.platform) ?? null;
}

const LAST_GOOD = 'policy';

/** The policy that was last in force, for a start with a file that cannot be read; null where there was none. */
export async function lastGoodPolicy(store: Store): Promise<Policy | null> {
  const text = await store.read((db) => getMeta(db, LAST_GOOD));
  const parsed = text === null ? null : policySchema.safeParse(JSON.parse(text));
  return parsed?.success ? parsed.data : null;
}

/** A version of its own for each content. It rises with time, so that a restored backup still rises. */
async function enforce(store: Store, policy: Policy, now: number): Promise<InForce> {
  const content = contentOf(policy);
  const version = await store.write(async (db) => {
    const [known, last] = [
      await getMeta(db, 'policy-digest'),
      Number((await getMeta(db, 'policy-version')) ?? 0),
    ];
    if (known === content) return last;
    const next = Math.max(last + 1, Math.floor(now / 1_000));
    await setMeta(db, 'policy-digest', content);
    await setMeta(db, 'policy-version', String(next));
    await setMeta(db, LAST_GOOD, JSON.stringify(policy));
    return next;
  });
  return { ...named(policy), version };
}

/** A policy under the name that stands in decisions: the file's own, and what tells it from another of that name. */
export function named(policy: Policy): NamedPolicy {
  return { policy, label: `${policy.name} (${contentOf(policy).slice(8, 16)})` };
}

function contentOf(policy: Policy): string {
  return digest(JSON.stringify(policy));
}
