import { randomUUIDv7 } from 'node:crypto';
import { prepared } from './prepared.ts';
import type { Db } from './store.ts';
import type { AuditRow } from './tables.ts';

const insertPrepared = prepared((db, values: AuditRow) =>
  db.insertInto('audit').values({
    id: values.id,
    at: values.at,
    actor: values.actor,
    action: values.action,
    subject: values.subject,
    detail: values.detail,
  }),
);

export type AuditEntry = { actor: string; action: string; subject: string; detail?: object };

/** Appends to the record of who did what to whom. `detail` must hold no secret. */
export async function audit(db: Db, now: number, { detail = {}, ...entry }: AuditEntry): Promise<void> {
  await insertPrepared(db, { id: randomUUIDv7(), at: now, ...entry, detail: JSON.stringify(detail) });
}
