import type { Db } from './store.ts';
import type { SignalRow } from './tables.ts';

/** Takes note of a webhook; false when it was taken before. */
export async function takeWebhook(db: Db, source: string, id: string, now: number): Promise<boolean> {
  const done = await db
    .insertInto('webhooks')
    .values({ source, id, received_at: now })
    .onConflict((conflict) => conflict.columns(['source', 'id']).doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows) === 1;
}

export function findSignal(db: Db, source: string, id: string): Promise<SignalRow | undefined> {
  return db
    .selectFrom('signals')
    .selectAll()
    .where('source', '=', source)
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function putSignal(db: Db, signal: SignalRow): Promise<void> {
  const { source: _source, id: _id, ...changed } = signal;
  await db
    .insertInto('signals')
    .values(signal)
    .onConflict((conflict) => conflict.columns(['source', 'id']).doUpdateSet(changed))
    .execute();
}

/** The gravest first. */
export function openSignals(db: Db, device: string): Promise<SignalRow[]> {
  return db
    .selectFrom('signals')
    .selectAll()
    .where('device', '=', device)
    .where('closed_at', 'is', null)
    .orderBy('severity', 'desc')
    .orderBy('opened_at')
    .execute();
}

/** All signals about a device, the latest first. */
export function signalsOf(db: Db, device: string, limit: number): Promise<SignalRow[]> {
  return db
    .selectFrom('signals')
    .selectAll()
    .where('device', '=', device)
    .orderBy('changed_at', 'desc')
    .limit(limit)
    .execute();
}

/** Closes all open signals of a device, which is another one then; answers with how many there were. */
export async function closeSignals(db: Db, device: string, by: string, now: number): Promise<number> {
  const done = await db
    .updateTable('signals')
    .set({ closed_at: now, closed_by: by, changed_at: now })
    .where('device', '=', device)
    .where('closed_at', 'is', null)
    .executeTakeFirst();
  await db
    .updateTable('devices')
    .set((row) => ({ revision: row('revision', '+', 1) }))
    .where('id', '=', device)
    .execute();
  return Number(done.numUpdatedRows);
}
