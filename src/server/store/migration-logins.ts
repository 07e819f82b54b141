import { sql } from 'kysely';
import { required, type Schema } from './schema.ts';

const COLUMNS =
  'id, device, gateway, nas, "user", address, expires_at, at, access, reason, identity, session_timeout, ceiling';

/**
 * Logins that were only just answered, without any index, so that each is one page of the database's log; and all
 * logins together, for whoever reads. A migration that changes `logins` has to make both anew.
 */
export async function withNewLogins(db: Schema): Promise<void> {
  await db.schema
    .createTable('new_logins')
    .addColumn('id', 'text', required)
    .addColumn('audit_id', 'text', required)
    .addColumn('device', 'text', (column) => column.references('devices.id').onDelete('cascade'))
    .addColumn('gateway', 'text', required)
    .addColumn('nas', 'text', required)
    .addColumn('user', 'text', required)
    .addColumn('address', 'text')
    .addColumn('expires_at', 'bigint', required)
    .addColumn('at', 'bigint', required)
    .addColumn('access', 'text', required)
    .addColumn('reason', 'text', required)
    .addColumn('identity', 'text')
    .addColumn('session_timeout', 'bigint')
    .addColumn('ceiling', 'text')
    .execute();
  const columns = sql.raw(COLUMNS);
  await sql`create view all_logins as select ${columns} from logins union all select ${columns} from new_logins`.execute(
    db,
  );
}

/** Each login counts the sessions that its user has. */
export async function withSessionsByUser(db: Schema): Promise<void> {
  await sql`create index sessions_open_user on sessions ("user") where ended_at is null`.execute(db);
}
