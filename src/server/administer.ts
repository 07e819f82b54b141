import { randomBytes } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';
import { hardwareIdOf } from '../wire/hardware.ts';
import { formatToken, hashSecret } from '../wire/token.ts';
import { clearAlarms } from './store/alarms.ts';
import { audit } from './store/audit.ts';
import { revokeEverything, type Ended } from './revoke-everything.ts';
import { findDevice, findTwins, hardwareOf, setBoot, setStatus, type Device } from './store/devices.ts';
import { closeSignals as closeOpenSignals } from './store/signals.ts';
import type { Db } from './store/store.ts';
import { insertGateway, insertToken, revokeGateway, revokeToken } from './store/tokens.ts';

/*
 * What an administrator may do, as units of the store: the same whether the running server or the command does it.
 * Each leaves its mark in the audit record. `actor` is who did it, `now` is in milliseconds.
 */

export type Refused = { code: 'not_found' | 'wrong_state' | 'exists' | 'invalid'; hint: string };

export type By = { actor: string; now: number };

/** The ids of the devices that are now others than before. */
export type Touched = readonly string[];

/** Lets a pending device in. Whoever is live on the same computer, now, loses everything in the same moment. */
export async function approve(db: Db, id: string, { actor, now }: By): Promise<Result<Touched, Refused>> {
  const device = await findDevice(db, id);
  if (device === undefined) return noDevice(id);
  if (device.status !== 'pending')
    return wrongState(`This device is ${device.status}; there is nothing to approve.`);
  await setStatus(db, id, 'live');
  const replaced = await replacedBy(db, device);
  for (const one of replaced) await revokeEverything(db, one, { actor, now }, `replaced by ${id}`);
  await audit(db, now, { actor, action: 'approve', subject: id, detail: { replaces: replaced } });
  return ok([id, ...replaced]);
}

async function replacedBy(db: Db, { id, machine_id: machineId, replaces }: Device): Promise<string[]> {
  const twins = await findTwins(db, { id, machineId, hardware: await hardwareOf(db, id) });
  const told = replaces === null ? undefined : await findDevice(db, replaces);
  const live = told?.status === 'live' ? [...twins, told] : twins;
  return [...new Set(live.map((one) => one.id))];
}

/** Ends a device for good: it may not report again under this identity. */
export async function revoke(db: Db, id: string, by: By): Promise<Result<Touched, Refused>> {
  const done = await offboard(db, id, by, 'revoked by an administrator');
  return done.ok ? ok([id]) : done;
}

/** The same, with a reason for the record; answers with what has ended. One that was revoked before stays so. */
export async function offboard(db: Db, id: string, by: By, cause: string): Promise<Result<Ended, Refused>> {
  if ((await findDevice(db, id)) === undefined) return noDevice(id);
  return ok(await revokeEverything(db, id, by, cause));
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
  /** Hardware ids of the computers that may use it; null: any. */
  hardware: readonly string[] | null;
  note: string;
};

/** The hardware ids of serial numbers; the first that is none is named. */
export function hashSerials(serials: readonly string[]): Result<string[], Refused> {
  const ids: string[] = [];
  for (const serial of serials) {
    const id = hardwareIdOf('serial', serial);
    if (id === null) return err({ code: 'invalid', hint: `"${serial.slice(0, 40)}" is no serial number.` });
    ids.push(id);
  }
  return ok(ids);
}

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
    hardware: wanted.hardware === null ? null : JSON.stringify(wanted.hardware),
    note: wanted.note,
    created_at: now,
    expires_at: expiresAt,
    revoked_at: null,
  });
  const { uses, approval, note } = wanted;
  const detail = { uses, expiresAt, approval, note, computers: wanted.hardware?.length ?? null };
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
