import { prepared } from './prepared.ts';
import type { Db } from './store.ts';

const valuePrepared = prepared((db, { key }: { key: string }) =>
  db.selectFrom('meta').select('value').where('key', '=', key),
);

/** Single values that outlive the process. */
export async function getMeta(db: Db, key: string): Promise<string | null> {
  return (await valuePrepared(db, { key })).rows[0]?.value ?? null;
}

export async function setMeta(db: Db, key: string, value: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key, value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute();
}

/** A row for the sake of writing one: shows that commits reach the disk. */
export function noteHealth(db: Db, now: number): Promise<void> {
  return setMeta(db, 'health', String(now));
}
