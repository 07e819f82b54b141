import type { Db } from './store.ts';
import type { NasRequestRow } from './tables.ts';

export async function insertNasRequest(db: Db, request: NasRequestRow): Promise<void> {
  await db.insertInto('nas_requests').values(request).execute();
}

/** What was last asked about a session, newest first. */
export function latestAbout(db: Db, session: string): Promise<NasRequestRow[]> {
  return db
    .selectFrom('nas_requests')
    .selectAll()
    .where('session', '=', session)
    .orderBy('id', 'desc')
    .limit(10)
    .execute();
}

/** What is due at a NAS, the oldest first. */
export function dueAt(db: Db, nas: string, now: number, limit: number): Promise<NasRequestRow[]> {
  return db
    .selectFrom('nas_requests')
    .selectAll()
    .where('nas', '=', nas)
    .where('state', '=', 'waiting')
    .where('next_at', '<=', now)
    .orderBy('next_at')
    .limit(limit)
    .execute();
}

/** False when it is no longer waiting: a later request took its place meanwhile. */
export async function updateNasRequest(
  db: Db,
  id: string,
  change: Partial<Pick<NasRequestRow, 'state' | 'attempts' | 'next_at' | 'answer' | 'finished_at'>>,
): Promise<boolean> {
  const done = await db
    .updateTable('nas_requests')
    .set(change)
    .where('id', '=', id)
    .where('state', '=', 'waiting')
    .executeTakeFirst();
  return Number(done.numUpdatedRows) === 1;
}

/** The latest about a device, newest first. */
export function nasRequestsOf(db: Db, device: string, limit: number): Promise<NasRequestRow[]> {
  return db
    .selectFrom('nas_requests')
    .selectAll()
    .where('device', '=', device)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}
