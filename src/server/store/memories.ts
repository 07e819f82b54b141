import { preparedRows } from './prepared.ts';
import type { Db } from './store.ts';
import type { MemoryRow } from './tables.ts';

export function memoryOf(db: Db, device: string): Promise<MemoryRow | undefined> {
  return db.selectFrom('memories').selectAll().where('device', '=', device).executeTakeFirst();
}

const upsert = preparedRows((db, rows: MemoryRow[]) =>
  db
    .insertInto('memories')
    .values(
      rows.map((row) => ({
        device: row.device,
        memory: row.memory,
        compiled: row.compiled,
        compiled_revision: row.compiled_revision,
      })),
    )
    .onConflict((conflict) =>
      conflict.column('device').doUpdateSet((row) => ({
        memory: row.ref('excluded.memory'),
        compiled: row.ref('excluded.compiled'),
        compiled_revision: row.ref('excluded.compiled_revision'),
      })),
    ),
);

export async function putMemories(db: Db, rows: readonly MemoryRow[]): Promise<void> {
  await inSlices(rows, (slice) => upsert(db, slice));
}

/** Rows that one statement takes: a few sizes, so that each is prepared once. */
const SLICE = 50;

/** Calls `work` with at most 50 rows at a time. */
export async function inSlices<R>(
  rows: readonly R[],
  work: (slice: readonly R[]) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < rows.length; from += SLICE) await work(rows.slice(from, from + SLICE));
}
