import { getMeta, setMeta } from './meta.ts';
import { prepared } from './prepared.ts';
import type { Db } from './store.ts';
import type { LoginRow, SessionRow } from './tables.ts';

/** A login that this gateway's credential asked about; another's is none of its business. */
export function findLogin(db: Db, gateway: string, id: string): Promise<LoginRow | undefined> {
  return db
    .selectFrom('all_logins')
    .selectAll()
    .where('id', '=', id)
    .where('gateway', '=', gateway)
    .executeTakeFirst();
}

export async function insertSession(db: Db, session: SessionRow): Promise<void> {
  await db.insertInto('sessions').values(session).execute();
}

export type SessionChange = Partial<Omit<SessionRow, 'id' | 'gateway' | 'nas'>>;

export async function updateSession(db: Db, id: string, change: SessionChange): Promise<void> {
  await db.updateTable('sessions').set(change).where('id', '=', id).execute();
}

export function findSession(db: Db, id: string): Promise<SessionRow | undefined> {
  return db.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Sessions that one login had on one port, newest first: one, unless a gateway reused the answer. */
export function sessionsOnPort(
  db: Db,
  { gateway, nas, nas_port: port, login }: Pick<SessionRow, 'gateway' | 'nas' | 'nas_port' | 'login'>,
): Promise<SessionRow[]> {
  return db
    .selectFrom('sessions')
    .selectAll()
    .where('gateway', '=', gateway)
    .where('nas', '=', nas)
    .where('nas_port', '=', port)
    .where('login', '=', login)
    .orderBy('id', 'desc')
    .limit(10)
    .execute();
}

/** All that are up on a NAS; with `framedAddress`, only those that have this address. */
export function openOnNas(
  db: Db,
  { gateway, nas }: Pick<SessionRow, 'gateway' | 'nas'>,
  framedAddress?: string,
): Promise<SessionRow[]> {
  let query = db
    .selectFrom('sessions')
    .selectAll()
    .where('gateway', '=', gateway)
    .where('nas', '=', nas)
    .where('ended_at', 'is', null);
  if (framedAddress !== undefined) query = query.where('framed_address', '=', framedAddress);
  return query.execute();
}

export function openOfDevice(db: Db, device: string): Promise<SessionRow[]> {
  return db
    .selectFrom('sessions')
    .selectAll()
    .where('device', '=', device)
    .where('ended_at', 'is', null)
    .execute();
}

/** Whether a session that is up was given this address inside the VPN. */
export async function isInsideVpn(db: Db, address: string): Promise<boolean> {
  const row = await db
    .selectFrom('sessions')
    .select('id')
    .where('framed_address', '=', address)
    .where('ended_at', 'is', null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Devices that are revoked and have a session that is up. */
export async function revokedWithSessions(db: Db): Promise<string[]> {
  const rows = await db
    .selectFrom('sessions')
    .innerJoin('devices', 'devices.id', 'sessions.device')
    .select('devices.id')
    .distinct()
    .where('sessions.ended_at', 'is', null)
    .where('devices.status', '=', 'revoked')
    .execute();
  return rows.map(({ id }) => id);
}

/** Sessions that are up and that nobody could be recognised behind, from an address or with it inside. */
export function openOfNobody(db: Db, address: string): Promise<SessionRow[]> {
  return db
    .selectFrom('sessions')
    .selectAll()
    .where('device', 'is', null)
    .where('ended_at', 'is', null)
    .where((where) => where.or([where('address', '=', address), where('framed_address', '=', address)]))
    .limit(10)
    .execute();
}

const openPrepared = prepared((db, { device, user }: { device: string; user: string }) => {
  const open = db.selectFrom('sessions').where('ended_at', 'is', null);
  const count = (of: typeof open) => of.select((select) => select.fn.countAll<number>().as('count'));
  return db.selectNoFrom([
    count(open.where('device', '=', device)).as('ofDevice'),
    count(open.where('user', '=', user)).as('ofUser'),
  ]);
});

/** How many sessions a device, and a user, has now. */
export async function countOpen(
  db: Db,
  whose: { device: string; user: string },
): Promise<{ ofDevice: number; ofUser: number }> {
  const [row] = (await openPrepared(db, whose)).rows;
  return { ofDevice: Number(row?.ofDevice ?? 0), ofUser: Number(row?.ofUser ?? 0) };
}

/** Sessions that are up and overdue. */
export function overdueSessions(db: Db, now: number, limit: number): Promise<SessionRow[]> {
  return db
    .selectFrom('sessions')
    .selectAll()
    .where('ended_at', 'is', null)
    .where('expires_at', '<=', now)
    .limit(limit)
    .execute();
}

/** The login that lets a device have a session the longest, told of by accounting or not. */
export function lastGranted(db: Db, device: string): Promise<LoginRow | undefined> {
  return db
    .selectFrom('all_logins')
    .selectAll()
    .where('device', '=', device)
    .where('access', '!=', 'deny')
    .orderBy('expires_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}

export type SessionFilter = {
  device?: string | undefined;
  user?: string | undefined;
  /** The address inside the VPN, or the one from which the tunnel comes. */
  address?: string | undefined;
  /** Those that were up at this time; milliseconds. */
  at?: number | undefined;
  /** Only those that are up. */
  open?: boolean | undefined;
};

/** Newest first. */
export function listSessions(
  db: Db,
  { device, user, address, at, open }: SessionFilter,
  limit: number,
): Promise<SessionRow[]> {
  let query = db.selectFrom('sessions').selectAll();
  if (device !== undefined) query = query.where('device', '=', device);
  if (user !== undefined) query = query.where('user', '=', user);
  if (address !== undefined) {
    query = query.where((where) =>
      where.or([where('framed_address', '=', address), where('address', '=', address)]),
    );
  }
  if (at !== undefined) {
    query = query
      .where('started_at', '<=', at)
      .where((where) => where.or([where('ended_at', 'is', null), where('ended_at', '>=', at)]));
  }
  if (open === true) query = query.where('ended_at', 'is', null);
  return query.orderBy('started_at', 'desc').orderBy('id', 'desc').limit(limit).execute();
}

/** Logins of a device, newest first. */
export function loginsOf(db: Db, device: string, limit: number): Promise<LoginRow[]> {
  return db
    .selectFrom('all_logins')
    .selectAll()
    .where('device', '=', device)
    .orderBy('at', 'desc')
    .limit(limit)
    .execute();
}

const accountingKey = (gateway: string) => `accounting:${gateway}`;

/** Notes that a gateway tells of its sessions. */
export async function noteAccounting(db: Db, gateway: string, now: number): Promise<void> {
  if (!(await doesAccounting(db, gateway))) await setMeta(db, accountingKey(gateway), String(now));
}

export async function doesAccounting(db: Db, gateway: string): Promise<boolean> {
  return (await getMeta(db, accountingKey(gateway))) !== null;
}

/** Whether any gateway tells of its sessions: only then does the absence of one mean anything. */
export async function sessionsAreKnown(db: Db): Promise<boolean> {
  const row = await db
    .selectFrom('meta')
    .select('key')
    .where('key', 'like', 'accounting:%')
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
