import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { DeviceState } from '../device-state.ts';
import { audit } from '../store/audit.ts';
import {
  lastEnds,
  revocationMark,
  revokedSince,
  revokeOfDevice,
  revokeSerial,
} from '../store/certificates.ts';
import { getMeta, setMeta } from '../store/meta.ts';
import type { Db, Store } from '../store/store.ts';
import type { CertificateRow } from '../store/tables.ts';
import {
  REVOCATION_REASONS,
  type CertificateAuthority,
  type RevocationReason,
  type Revoked,
} from './authority.ts';
import { becauseOf, losesCertificates } from './may-hold.ts';

/** RFC 5280 §3.3: one that has ended stays until a list has been issued after its end. */
const KEPT_AFTER_END_MS = 86_400_000;
const CRL_NUMBER = 'crl-number';

type By = { actor: string; now: number };

/** A unit of the store: whatever a device holds is worth nothing from now on. Answers with how many that were. */
export async function revokeDevice(
  db: Db,
  device: string,
  { reason, because }: { reason: RevocationReason; because: string },
  { actor, now }: By,
): Promise<number> {
  const serials = await revokeOfDevice(db, device, reason, now);
  if (serials.length > 0) {
    const detail = { reason, because, serials };
    await audit(db, now, { actor, action: 'revoke certificates', subject: device, detail });
  }
  return serials.length;
}

/** A unit of the store. False where there is nothing to revoke. */
export async function revokeOne(db: Db, serial: string, reason: RevocationReason, { actor, now }: By) {
  const done = await revokeSerial(db, serial, reason, now);
  if (done)
    await audit(db, now, { actor, action: 'revoke certificate', subject: serial, detail: { reason } });
  return done;
}

export type RevocationParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  authority: CertificateAuthority;
  crlValidMs: number;
};

export type Revocation = {
  /** A device was judged: what it may not hold any more is revoked. Never rejects. */
  level(state: DeviceState): Promise<void>;
  /** What `level` missed while the database or the authority was away, and devices that are gone. Never rejects. */
  sweep(stateOf: (device: string) => Promise<DeviceState | null>): Promise<void>;
  /** The list, DER, no older than half its validity and with everything that is revoked; null where it is another's. */
  crl(): Promise<Uint8Array | null>;
};

export function createRevocation(parts: RevocationParts): Revocation {
  const { store, clock, log, authority, crlValidMs } = parts;
  let current: { mark: string; madeAt: number; bytes: Uint8Array } | null = null;
  let making: Promise<Uint8Array> | null = null;
  const make = async (mark: string) => {
    const now = clock.now();
    const bytes = await freshList(parts, now);
    current = { mark, madeAt: now, bytes };
    return bytes;
  };
  const level = async (state: DeviceState) => {
    if (losesCertificates(state)) await takeBack(parts, state.id, becauseOf(state));
  };
  return {
    level,
    async sweep(stateOf) {
      try {
        for (const { device } of await store.read((db) => lastEnds(db, clock.now()))) {
          const state = device === null ? null : await stateOf(device);
          if (state !== null) await level(state);
          else if (device !== null) await takeBack(parts, device, 'gone');
        }
        await tell(parts);
      } catch (error) {
        log.warn({ err: error }, 'certificates not looked after');
      }
    },
    async crl() {
      if (authority.crl === null) return null;
      const mark = await store.read(revocationMark);
      const isGood = current?.mark === mark && Math.abs(clock.now() - current.madeAt) < crlValidMs / 2;
      if (isGood && current !== null) return current.bytes;
      making ??= make(mark).finally(() => (making = null));
      return making;
    },
  };
}

async function takeBack(parts: RevocationParts, device: string, because: string): Promise<void> {
  const { store, clock, log } = parts;
  try {
    const by = { actor: 'server', now: clock.now() };
    const why = { reason: 'privilegeWithdrawn', because } as const;
    const count = await store.write((db) => revokeDevice(db, device, why, by));
    if (count === 0) return;
    log.info({ device, count, because }, 'certificates revoked');
    await tell(parts);
  } catch (error) {
    log.error({ err: error, device }, 'certificates not revoked; tried again within a minute');
  }
}

/** An authority with a list of its own is told of everything on ours that has not ended; what it knows, it knows. */
async function tell({ store, clock, authority }: RevocationParts): Promise<void> {
  if (authority.revoke === null) return;
  const rows = await store.read((db) => revokedSince(db, clock.now()));
  for (const revoked of rows.flatMap(revokedOf)) await authority.revoke(revoked);
}

async function freshList({ store, authority }: RevocationParts, now: number): Promise<Uint8Array> {
  if (authority.crl === null) throw new Error('this authority has a list of its own');
  const rows = await store.read((db) => revokedSince(db, now - KEPT_AFTER_END_MS));
  const number = await store.write((db) => nextNumber(db, now));
  return authority.crl(rows.flatMap(revokedOf), number, now);
}

/** Rises with time, so that a restored backup still rises. */
async function nextNumber(db: Db, now: number): Promise<number> {
  const next = Math.max(Number(await getMeta(db, CRL_NUMBER)) + 1, now);
  await setMeta(db, CRL_NUMBER, String(next));
  return next;
}

function revokedOf({ serial, revoked_at, reason }: CertificateRow): Revoked[] {
  if (revoked_at === null || !isReason(reason)) return [];
  return [{ serial, revokedAt: revoked_at, reason }];
}

export function isReason(reason: string | null): reason is RevocationReason {
  return reason !== null && Object.hasOwn(REVOCATION_REASONS, reason);
}
