import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { prepared } from './prepared.ts';
import type { Db } from './store.ts';
import type { LoginRow, NewLoginRow } from './tables.ts';

const insertPrepared = prepared((db, values: NewLoginRow) =>
  db.insertInto('new_logins').values({
    id: values.id,
    audit_id: values.audit_id,
    gateway: values.gateway,
    nas: values.nas,
    at: values.at,
    expires_at: values.expires_at,
    device: values.device,
    user: values.user,
    address: values.address,
    access: values.access,
    reason: values.reason,
    identity: values.identity,
    session_timeout: values.session_timeout,
    ceiling: values.ceiling,
  }),
);

/** Whoever reads `all_logins` finds it from now on; its place among the others, and in the audit, it gets later. */
export async function noteLogin(db: Db, login: LoginRow): Promise<void> {
  await insertPrepared(db, { ...login, audit_id: randomUUIDv7() });
}

export async function hasNewLogins(db: Db): Promise<boolean> {
  return (await db.selectFrom('new_logins').select('id').limit(1).executeTakeFirst()) !== undefined;
}

const row = sql<number>`rowid`;

/** Moves the oldest `limit` new logins to the others, each with its entry in the audit. Answers with how many. */
export async function settleLogins(db: Db, limit: number): Promise<number> {
  const oldest = db.selectFrom('new_logins').select(row.as('row')).orderBy(row).limit(limit);
  const { count, last } = await db
    .selectFrom(oldest.as('oldest'))
    .select(({ fn }) => [fn.countAll<number>().as('count'), fn.max('row').as('last')])
    .executeTakeFirstOrThrow();
  if (count === 0) return 0;
  await copyToLogins(db, last);
  await copyToAudit(db, last);
  await db.deleteFrom('new_logins').where(row, '<=', last).execute();
  return count;
}

const COLUMNS = [
  'id',
  'gateway',
  'nas',
  'at',
  'expires_at',
  'device',
  'user',
  'address',
  'access',
  'reason',
  'identity',
  'session_timeout',
  'ceiling',
] as const satisfies (keyof LoginRow)[];

async function copyToLogins(db: Db, last: number): Promise<void> {
  const moved = db.selectFrom('new_logins').select(COLUMNS).where(row, '<=', last).orderBy(row);
  await db.insertInto('logins').columns(COLUMNS).expression(moved).execute();
}

async function copyToAudit(db: Db, last: number): Promise<void> {
  const entries = db
    .selectFrom('new_logins')
    .select([
      'audit_id',
      'at',
      sql<string>`'gateway:' || gateway`.as('actor'),
      sql<string>`'gate ' || access`.as('action'),
      sql<string>`coalesce(device, 'nobody')`.as('subject'),
      sql<string>`json_object('user', "user", 'address', address, 'nas', nas, 'reason', reason, 'identity', identity)`.as('detail'), // prettier-ignore
    ])
    .where(row, '<=', last)
    .orderBy(row);
  const columns = ['id', 'at', 'actor', 'action', 'subject', 'detail'] as const;
  await db.insertInto('audit').columns(columns).expression(entries).execute();
}
