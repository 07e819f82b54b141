import { prepared, preparedRows } from './prepared.ts';
import type { Db } from './store.ts';
import type { RawRow, ReadingRow, ReportRow } from './tables.ts';

const insertIfNew = prepared((db, values: ReportRow) =>
  db
    .insertInto('reports')
    .values({
      device: values.device,
      id: values.id,
      kind: values.kind,
      seq: values.seq,
      collected_at: values.collected_at,
      received_at: values.received_at,
      content: values.content,
      readings: values.readings,
    })
    .onConflict((conflict) => conflict.columns(['device', 'id']).doNothing()),
);

/** Appends a report; false when the device has sent one with this id before. */
export async function insertReport(db: Db, report: ReportRow): Promise<boolean> {
  return (await insertIfNew(db, report)).changed === 1;
}

/** Digest of the content with which a report was stored. */
export async function contentOf(db: Db, device: string, id: string): Promise<string | null> {
  const row = await db
    .selectFrom('reports')
    .select('content')
    .where('device', '=', device)
    .where('id', '=', id)
    .executeTakeFirst();
  return row?.content ?? null;
}

const upsertReadings = preparedRows((db, rows: ReadingRow[]) =>
  db
    .insertInto('readings')
    .values(
      rows.map((row) => ({
        device: row.device,
        check_id: row.check_id,
        reading: row.reading,
        known_at: row.known_at,
        asked_at: row.asked_at,
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(['device', 'check_id']).doUpdateSet((row) => ({
        reading: row.ref('excluded.reading'),
        known_at: row.ref('excluded.known_at'),
      })),
    ),
);

/** The latest reading of each check. */
export async function putReadings(db: Db, rows: readonly ReadingRow[]): Promise<void> {
  if (rows.length > 0) await upsertReadings(db, rows);
}

export async function putRaw(db: Db, rows: readonly RawRow[]): Promise<void> {
  if (rows.length === 0) return;
  await db
    .insertInto('raw')
    .values([...rows])
    .onConflict((conflict) =>
      conflict.columns(['device', 'check_id']).doUpdateSet((row) => ({
        reading: row.ref('excluded.reading'),
        received_at: row.ref('excluded.received_at'),
      })),
    )
    .execute();
}

export function readingsOf(db: Db, device: string): Promise<ReadingRow[]> {
  return db.selectFrom('readings').selectAll().where('device', '=', device).execute();
}

export function rawOf(db: Db, device: string): Promise<RawRow[]> {
  return db.selectFrom('raw').selectAll().where('device', '=', device).execute();
}

export async function deleteReadings(db: Db, device: string, checks: readonly string[]): Promise<void> {
  if (checks.length === 0) return;
  await db.deleteFrom('readings').where('device', '=', device).where('check_id', 'in', checks).execute();
}

export async function deleteRaw(db: Db, device: string, checks: readonly string[]): Promise<void> {
  if (checks.length === 0) return;
  await db.deleteFrom('raw').where('device', '=', device).where('check_id', 'in', checks).execute();
}
