import type { Clock } from '../../base/clock.ts';
import { iso } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { credentialUser, deviceOfUser, type CredentialClaims } from '../../wire/credential.ts';
import { publicJwk, seal, TYP, type Signer } from '../../wire/envelope.ts';
import type { ServerFrame } from '../../wire/frames.ts';
import { deviceUrn } from '../../wire/ids.ts';
import { sealSecret } from '../../wire/sealed-secret.ts';
import { becauseOf, losesCertificates, refusalFor } from '../ca/may-hold.ts';
import type { Terms } from '../decide.ts';
import type { DeviceState } from '../device-state.ts';
import { audit } from '../store/audit.ts';
import { credentialOf, putCredential } from '../store/vpn-credentials.ts';
import { encryptionKey } from '../store/devices.ts';
import type { Store } from '../store/store.ts';
import { ntHash, passwordFor } from './derive.ts';
import { withdrawCredential } from './withdraw.ts';

export type CredentialParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  /** Not in the database. */
  key: Uint8Array;
  /** Milliseconds after which each device gets another one. */
  periodMs: number;
  signer: Signer;
  issuer: string;
  terms(): Terms;
  stateOf(device: string): Promise<DeviceState | null>;
  send(device: string, frame: ServerFrame): void;
};

/** VPN passwords of devices: short-lived, derived on demand, and withdrawn with the access. */
export type Credentials = {
  /** The device has connected, or was judged: it gets what it lacks, and what it may not have is withdrawn. */
  level(state: DeviceState): Promise<void>;
  /** The device has it where it is used: from now on it is the one that counts. */
  confirmed(device: string, which: { generation: number; epoch: number }): Promise<void>;
  /** NT hash for a user name, hexadecimal; null where there is no such credential in force. */
  hashFor(user: string): Promise<string | null>;
};

export function createCredentials(parts: CredentialParts): Credentials {
  const { store, clock, log, key, periodMs, stateOf } = parts;
  // What is known to be on record, so that a heartbeat costs no look.
  const settled = new Map<string, number | 'withdrawn'>();
  return {
    async level(state) {
      try {
        const known = settled.get(state.id);
        if (losesCertificates(state)) {
          if (known === 'withdrawn') return;
          settled.set(state.id, 'withdrawn');
          await withdraw(parts, state);
        } else if (refusalFor(state, parts.terms(), clock.now()) === null) {
          if (known === epochAt(clock.now(), periodMs)) return;
          settled.delete(state.id);
          if (await deliver(parts, state.id)) settled.set(state.id, epochAt(clock.now(), periodMs));
        }
      } catch (error) {
        settled.delete(state.id);
        log.warn({ err: error, device: state.id }, 'VPN credential not brought up to date');
      }
    },
    async confirmed(device, { generation, epoch }) {
      // What was on its way when the device was denied counts no more.
      const state = await stateOf(device);
      if (state === null || losesCertificates(state)) return;
      await store.write(async (db) => {
        const row = await credentialOf(db, device);
        // One that was withdrawn meanwhile stays so; one of the future is nobody's.
        if (row.generation !== generation || epoch > epochAt(clock.now(), periodMs)) return;
        if (row.epoch !== null && row.epoch >= epoch) return;
        await putCredential(db, { ...row, epoch, confirmed_at: clock.now() });
        const entry = {
          actor: `device ${device}`,
          action: 'take VPN credential',
          subject: device,
          detail: { epoch },
        };
        await audit(db, clock.now(), entry);
      });
    },
    async hashFor(user) {
      const device = deviceOfUser(user);
      const state = device === null ? null : await stateOf(device);
      if (state === null || losesCertificates(state)) return null;
      const { generation, epoch } = await store.read((db) => credentialOf(db, state.id));
      if (epoch === null || epoch < epochAt(clock.now(), periodMs) - 1) return null;
      return ntHash(passwordFor(key, { device: state.id, generation, epoch }));
    },
  };
}

function epochAt(now: number, periodMs: number): number {
  return Math.floor(now / periodMs);
}

async function withdraw({ store, clock, log }: CredentialParts, state: DeviceState): Promise<void> {
  const { id: device } = state;
  const by = { actor: 'server', now: clock.now() };
  const count = await store.write((db) => withdrawCredential(db, device, becauseOf(state), by));
  if (count > 0) log.info({ device }, 'VPN credential withdrawn');
}

/** Sent with each report until it is confirmed; true once it is. */
async function deliver(parts: CredentialParts, device: string): Promise<boolean> {
  const { store, clock, key, periodMs, signer, issuer } = parts;
  const now = clock.now();
  const epoch = epochAt(now, periodMs);
  const { row, jwk } = await store.read(async (db) => ({
    row: await credentialOf(db, device),
    jwk: await encryptionKey(db, device),
  }));
  if (row.epoch === epoch) return true;
  const { generation } = row;
  const password = passwordFor(key, { device, generation, epoch });
  const claims: CredentialClaims = {
    iss: issuer,
    aud: deviceUrn(device),
    iat: Math.floor(now / 1_000),
    user: credentialUser(device),
    password: await sealSecret(password, publicJwk.parse(JSON.parse(jwk))),
    generation,
    epoch,
    until: iso((epoch + 2) * periodMs),
  };
  parts.send(device, { t: 'credential', jws: await seal(TYP.credential, claims, signer) });
  return false;
}
