import { randomBytes } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';
import { formatToken, hashSecret } from '../wire/token.ts';
import { revokeDevice } from './ca/revocation.ts';
import { clearAlarms } from './store/alarms.ts';
import { audit } from './store/audit.ts';
import { findDevice, setBoot, setStatus } from './store/devices.ts';
import { closeSignals as closeOpenSignals } from './store/signals.ts';
import type { Db } from './store/store.ts';
import { insertGateway, insertToken, revokeGateway, revokeToken } from './store/tokens.ts';

/*
 * What an administrator may do, as units of the store: the same whether the running server or the command does it.
 * Each leaves its mark in the audit record. `actor` is who did it, `now` is in milliseconds.
 */

export type Refused = { code: 'not_found' | 'wrong_state' | 'exists'; hint: string };

export type By = { actor: string; now: number };

/** The ids of the devices that are now others than before. */
export type Touched = readonly string[];

const OFF_BOARDED = { reason: 'cessationOfOperation' } as const;

/** Lets a pending device in. The device whose place it takes is revoked in the same moment. */
export async function approve(db: Db, id: string, { actor, now }: By): Promise<Result<Touched, Refused>> {
  const device = await findDevice(db, id);
  if (device === undefined) return noDevice(id);
  if (device.status !== 'pending')
    return wrongState(`This device is ${device.status}; there is nothing to approve.`);
  await setStatus(db, id, 'live');
  if (device.replaces !== null) {
    await setStatus(db, device.replaces, 'revoked');
    await revokeDevice(db, device.replaces, { ...OFF_BOARDED, because: 'replaced' }, { actor, now });
  }
  await audit(db, now, { actor, action: 'approve', subject: id, detail: { replaces: device.replaces } });
  return ok(device.replaces === null ? [id] : [id, device.replaces]);
}

/** Ends a device for good: it may not report again under this identity. */
export async function revoke(db: Db, id: string, { actor, now }: By): Promise<Result<Touched, Refused>> {
  if ((await findDevice(db, id)) === undefined) return noDevice(id);
  await setStatus(db, id, 'revoked');
  await revokeDevice(db, id, { ...OFF_BOARDED, because: 'revoked' }, { actor, now });
  await audit(db, now, { actor, action: 'revoke', subject: id });
  return ok([id]);
}

/** Clears a device's alarms: believes again that one computer uses this identity. */
export async function clearAlarm(db: Db, id: string, { actor, now }: By): Promise<Result<Touched, Refused>> {
  if ((await findDevice(db, id)) === undefined) return noDevice(id);
  const cleared = await clearAlarms(db, id, actor, now);
  await setBoot(db, id, null, []);
  await audit(db, now, { actor, action: 'clear alarm', subject: id, detail: { cleared } });
  return ok([id]);
}

/** Closes every open signal about a device: what was found was looked into, and the source will not say so. */
export async function closeSignals(
  db: Db,
  id: string,
  { actor, now }: By,
): Promise<Result<Touched, Refused>> {
  if ((await findDevice(db, id)) === undefined) return noDevice(id);
  const closed = await closeOpenSignals(db, id, actor, now);
  await audit(db, now, { actor, action: 'close signals', subject: id, detail: { closed } });
  return ok([id]);
}

export type NewToken = {
  /** How many devices may enrol with it. */
  uses: number;
  validMs: number;
  /** Whether each of them waits for approval. */
  approval: boolean;
  note: string;
};

/** The whole token, of which only a hash is kept: it cannot be shown again. */
export async function createToken(db: Db, wanted: NewToken, orderRoot: string, { actor, now }: By) {
  const id = `tk_${randomBytes(9).toString('base64url')}`;
  const secret = randomBytes(16).toString('base64url');
  const expiresAt = now + wanted.validMs;
  await insertToken(db, {
    id,
    hash: hashSecret(secret),
    kind: wanted.uses === 1 ? 'one-time' : 'fleet',
    uses_left: wanted.uses,
    approval: wanted.approval ? 1 : 0,
    note: wanted.note,
    created_at: now,
    expires_at: expiresAt,
    revoked_at: null,
  });
  const detail = { uses: wanted.uses, expiresAt, approval: wanted.approval, note: wanted.note };
  await audit(db, now, { actor, action: 'create token', subject: id, detail });
  return { id, token: formatToken({ id, secret, orderRoot }), expiresAt };
}

/** A gateway's credential for `POST /v1/radius/post-auth`: `<id>.<secret>`, of which only a hash is kept. */
export async function createGateway(
  db: Db,
  name: string,
  { actor, now }: By,
): Promise<Result<{ id: string; credential: string }, Refused>> {
  const known = await db.selectFrom('gateways').select('id').where('name', '=', name).executeTakeFirst();
  if (known !== undefined) {
    return err({ code: 'exists', hint: `There is a gateway "${name}" already; choose another name.` });
  }
  const id = `gw_${randomBytes(9).toString('base64url')}`;
  const secret = randomBytes(16).toString('base64url');
  await insertGateway(db, { id, name, hash: hashSecret(secret), created_at: now, revoked_at: null });
  await audit(db, now, { actor, action: 'create gateway', subject: name });
  return ok({ id, credential: `${id}.${secret}` });
}

/** Revokes a token by its id, or a gateway's credential by its name. */
export async function revokeCredential(
  db: Db,
  name: string,
  { actor, now }: By,
): Promise<Result<null, Refused>> {
  const done = (await revokeToken(db, name, now)) || (await revokeGateway(db, name, now));
  if (!done)
    return err({ code: 'not_found', hint: `No token or gateway "${name}" is in force; see: token list.` });
  await audit(db, now, { actor, action: 'revoke credential', subject: name });
  return ok(null);
}

export function noDevice(id: string): Result<never, Refused> {
  return err({ code: 'not_found', hint: `There is no device ${id}; see: drawbridge-server devices.` });
}

function wrongState(hint: string): Result<never, Refused> {
  return err({ code: 'wrong_state', hint });
}
