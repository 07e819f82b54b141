import { z } from 'zod';
import type { Logger } from '../../base/log.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { credentialClaims } from '../../wire/credential.ts';
import type { Decision } from '../../wire/decision.ts';
import { inspect, open, TYP } from '../../wire/envelope.ts';
import { MAX_FRAME } from '../../wire/frames.ts';
import { deviceUrn, serverUrn } from '../../wire/ids.ts';
import { openSecret } from '../../wire/sealed-secret.ts';
import { orderKey, type Identity } from '../enrolment.ts';
import type { KeyStore } from '../keys.ts';
import type { StateFile } from '../state-file.ts';
import { createTurns } from '../turns.ts';

/** What outlives a run of the agent; holds the password. */
export const credentialState = () =>
  z.object({
    device: z.string(),
    user: z.string(),
    password: z.string(),
    generation: z.number(),
    epoch: z.number(),
    until: z.string(),
  });

export type CredentialState = z.infer<ReturnType<typeof credentialState>>;

/** The VPN profiles of this system that dial with a device's credential. */
export interface CredentialProfiles {
  /** Gives every profile with this user name the password, or takes it away with null. Throws with a sentence. */
  apply(user: string, password: string | null): Promise<void>;
}

export type CredentialDeps = {
  profiles: CredentialProfiles;
  file: StateFile<CredentialState | null>;
  /** The keys that count, and those before them, to which a secret may still be sealed. */
  keys: () => readonly Pick<KeyStore, 'agree'>[];
  log: Logger;
};

/** The device's VPN password: taken, put where it is used, given up when the device is denied. */
export class CredentialKeeper {
  readonly #deps: CredentialDeps;
  readonly #turn = createTurns();

  constructor(deps: CredentialDeps) {
    this.#deps = deps;
  }

  /** Answers with which one to confirm, once it is where it is used. */
  take(jws: string, identity: Identity): Promise<Result<{ generation: number; epoch: number }, string>> {
    return this.#turn(async () => {
      const opened = await this.#open(jws, identity);
      if (!opened.ok) return opened;
      const { user, password, generation, epoch } = opened.value;
      const before = await this.#deps.file.read();
      if (before !== null && before.user !== user) await this.#deps.profiles.apply(before.user, null);
      await this.#deps.file.write(opened.value);
      await this.#deps.profiles.apply(user, password);
      this.#deps.log.info({ epoch, until: opened.value.until }, 'VPN credential taken');
      return ok({ generation, epoch });
    });
  }

  /** Silence gives nothing up. */
  decided({ access, reason }: Pick<Decision, 'access' | 'reason'>): Promise<void> {
    if (access !== 'deny' || reason === 'agent-silent') return Promise.resolve();
    return this.#turn(async () => {
      const held = await this.#deps.file.read();
      if (held === null) return;
      await this.#deps.profiles.apply(held.user, null);
      await this.#deps.file.write(null);
      this.#deps.log.info('VPN credential given up');
    });
  }

  /** What a profile that names this user is to be given; null for any other. */
  async passwordOf(user: string): Promise<string | null> {
    const held = await this.#deps.file.read();
    return held?.user === user ? held.password : null;
  }

  async #open(jws: string, identity: Identity): Promise<Result<CredentialState, string>> {
    const header = inspect(jws, TYP.credential, MAX_FRAME);
    if (!header.ok) return header;
    const key = await orderKey(identity, header.value.kid);
    if (key === null) return err('unknown_key');
    const claims = await open(jws, key, credentialClaims);
    if (!claims.ok) return claims;
    const { iss, aud, user, generation, epoch, until } = claims.value;
    if (iss !== serverUrn(identity.orderRoot) || aud !== deviceUrn(identity.device)) return err('foreign');
    const password = await this.#unseal(claims.value.password);
    if (!password.ok) return password;
    return ok({ device: identity.device, user, password: password.value, generation, epoch, until });
  }
  async #unseal(jwe: string): Promise<Result<string, string>> {
    let opened: Result<string, string> = err('this device has no keys');
    for (const keys of this.#deps.keys())
      if (!opened.ok) opened = await openSecret(jwe, keys.agree.bind(keys));
    return opened;
  }
}
