import type { Db } from './store.ts';
import type { OrderRow, ReceiptRow, WantedRow } from './tables.ts';

/** What is wanted of a device, a row for each respect. */
export async function putWanted(db: Db, { device, aspect, ...rest }: WantedRow): Promise<void> {
  await db
    .insertInto('wanted')
    .values({ device, aspect, ...rest })
    .onConflict((conflict) => conflict.columns(['device', 'aspect']).doUpdateSet(rest))
    .execute();
}

export function wantedOf(db: Db, device: string): Promise<WantedRow[]> {
  return db.selectFrom('wanted').selectAll().where('device', '=', device).execute();
}

/** Nothing is wanted in this respect any more, unless somebody has wanted something else since. */
export async function dropWanted(
  db: Db,
  { device, aspect, since }: Pick<WantedRow, 'device' | 'aspect' | 'since'>,
): Promise<void> {
  await db
    .deleteFrom('wanted')
    .where('device', '=', device)
    .where('aspect', '=', aspect)
    .where('since', '=', since)
    .execute();
}

/** Devices of which anything was ever wanted. */
export async function wantedDevices(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('wanted').select('device').distinct().execute();
  return rows.map(({ device }) => device);
}

/** The last order in one respect, by `oseq`. */
export function lastOrder(db: Db, device: string, aspect: string): Promise<OrderRow | undefined> {
  return db
    .selectFrom('orders')
    .selectAll()
    .where('device', '=', device)
    .where('aspect', '=', aspect)
    .orderBy('oseq', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** The last order about one target, by `oseq`. */
export function lastOfTarget(db: Db, device: string, target: string): Promise<OrderRow | undefined> {
  return db
    .selectFrom('orders')
    .selectAll()
    .where('device', '=', device)
    .where('target', '=', target)
    .orderBy('oseq', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** The highest number used for a target; 0 before the first. */
export async function highestOseq(db: Db, device: string, target: string): Promise<number> {
  const row = await db
    .selectFrom('orders')
    .select((select) => select.fn.max('oseq').as('oseq'))
    .where('device', '=', device)
    .where('target', '=', target)
    .executeTakeFirst();
  return Number(row?.oseq ?? 0);
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
  return latestOrders(db, { device, limit });
}

/** The latest orders of all devices or one, newest first. */
export function latestOrders(
  db: Db,
  {
    device,
    state,
    limit,
  }: { device?: string | undefined; state?: OrderRow['state'] | undefined; limit: number },
): Promise<OrderRow[]> {
  let query = db.selectFrom('orders').selectAll();
  if (device !== undefined) query = query.where('device', '=', device);
  if (state !== undefined) query = query.where('state', '=', state);
  return query.orderBy('issued_at', 'desc').orderBy('id', 'desc').limit(limit).execute();
}

type Change = Partial<Pick<OrderRow, 'state' | 'status' | 'reason' | 'done_at' | 'held_by' | 'proof'>>;

export async function changeOrder(db: Db, id: string, change: Change): Promise<void> {
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

/** The receipt by which a device has settled an order. */
export function receiptOf(db: Db, order: string): Promise<ReceiptRow | undefined> {
  return db
    .selectFrom('receipts')
    .selectAll()
    .where('order_id', '=', order)
    .where('phase', '=', 'complete')
    .executeTakeFirst();
}

/** The latest receipts of a device, newest first. */
export function receiptsOf(db: Db, device: string, limit: number): Promise<ReceiptRow[]> {
  return db
    .selectFrom('receipts')
    .selectAll()
    .where('device', '=', device)
    .orderBy('received_at', 'desc')
    .limit(limit)
    .execute();
}
