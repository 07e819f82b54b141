import { randomUUIDv7 } from 'node:crypto';
import type { Db } from './store.ts';
import type { L2tpAttemptsRow, L2tpEventRow, L2tpServerRow } from './l2tp-tables.ts';

export function serversOf(db: Db, device: string): Promise<L2tpServerRow[]> {
  return db.selectFrom('l2tp_servers').selectAll().where('device', '=', device).orderBy('name').execute();
}

/** All devices', those that are there first. */
export function allServers(db: Db, limit: number): Promise<L2tpServerRow[]> {
  return db
    .selectFrom('l2tp_servers')
    .selectAll()
    .orderBy('state', 'desc')
    .orderBy('changed_at', 'desc')
    .limit(limit)
    .execute();
}

export async function putServer(db: Db, { device, name, ...rest }: L2tpServerRow): Promise<void> {
  await db
    .insertInto('l2tp_servers')
    .values({ device, name, ...rest })
    .onConflict((conflict) => conflict.columns(['device', 'name']).doUpdateSet(rest))
    .execute();
}

/** Says who accepts what a device has now (null: nobody any more); answers with how many those are. */
export async function acceptServers(db: Db, device: string, by: string | null): Promise<number> {
  const done = await db
    .updateTable('l2tp_servers')
    .set({ accepted_by: by })
    .where('device', '=', device)
    .executeTakeFirst();
  return Number(done.numUpdatedRows);
}

export function attemptsOf(db: Db, device: string): Promise<L2tpAttemptsRow | undefined> {
  return db.selectFrom('l2tp_attempts').selectAll().where('device', '=', device).executeTakeFirst();
}

export async function putAttempts(db: Db, { device, ...rest }: L2tpAttemptsRow): Promise<void> {
  await db
    .insertInto('l2tp_attempts')
    .values({ device, ...rest })
    .onConflict((conflict) => conflict.column('device').doUpdateSet(rest))
    .execute();
}

export async function addL2tpEvent(db: Db, event: Omit<L2tpEventRow, 'id'>): Promise<void> {
  await db
    .insertInto('l2tp_events')
    .values({ id: randomUUIDv7(), ...event })
    .execute();
}

/** The latest, newest first; of one device or all. */
export function l2tpEvents(db: Db, device: string | null, limit: number): Promise<L2tpEventRow[]> {
  const query = db.selectFrom('l2tp_events').selectAll();
  return (device === null ? query : query.where('device', '=', device))
    .orderBy('at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}
