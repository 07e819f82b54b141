import { randomUUIDv7 } from 'node:crypto';
import type { Db } from './store.ts';

export type AuditEntry = { actor: string; action: string; subject: string; detail?: object };

/** Appends to the record of who did what to whom. `detail` must hold no secret. */
export async function audit(db: Db, now: number, { detail = {}, ...entry }: AuditEntry): Promise<void> {
  await db
    .insertInto('audit')
    .values({ id: randomUUIDv7(), at: now, ...entry, detail: JSON.stringify(detail) })
    .execute();
}
