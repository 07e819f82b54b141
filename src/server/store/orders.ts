import type { Db } from './store.ts';
import type { OrderRow, ReceiptRow, WantedRow } from './tables.ts';

/** The state that a device is to be in, a row for each target. */
export async function putWanted(db: Db, wanted: WantedRow): Promise<void> {
  const { want, since, cause } = wanted;
  await db
    .insertInto('wanted')
    .values(wanted)
    .onConflict((conflict) => conflict.columns(['device', 'target']).doUpdateSet({ want, since, cause }))
    .execute();
}

export function wantedOf(db: Db, device: string): Promise<WantedRow[]> {
  return db.selectFrom('wanted').selectAll().where('device', '=', device).execute();
}

/** The last order about a target, by `oseq`. */
export function lastOrder(db: Db, device: string, target: string): Promise<OrderRow | undefined> {
  return db
    .selectFrom('orders')
    .selectAll()
    .where('device', '=', device)
    .where('target', '=', target)
    .orderBy('oseq', 'desc')
    .limit(1)
    .executeTakeFirst();
}

export async function insertOrder(db: Db, order: OrderRow): Promise<void> {
  await db.insertInto('orders').values(order).execute();
}

export function findOrder(db: Db, device: string, id: string): Promise<OrderRow | undefined> {
  return db
    .selectFrom('orders')
    .selectAll()
    .where('device', '=', device)
    .where('id', '=', id)
    .executeTakeFirst();
}

/** The latest orders of a device, newest first. */
export function ordersOf(db: Db, device: string, limit: number): Promise<OrderRow[]> {
  return db
    .selectFrom('orders')
    .selectAll()
    .where('device', '=', device)
    .orderBy('issued_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}

export async function setOrderState(
  db: Db,
  id: string,
  change: Pick<OrderRow, 'state' | 'status' | 'reason'>,
): Promise<void> {
  await db.updateTable('orders').set(change).where('id', '=', id).execute();
}

/** Appends a receipt; false when it is known. */
export async function insertReceipt(db: Db, receipt: ReceiptRow): Promise<boolean> {
  const done = await db
    .insertInto('receipts')
    .values(receipt)
    .onConflict((conflict) => conflict.column('id').doNothing())
    .executeTakeFirst();
  return Number(done.numInsertedOrUpdatedRows) === 1;
}
