import type { Db } from './store.ts';

/** Rows that one unit deletes: others wait for it. */
const BATCH = 1_000;

/** Deletes some reports received before `before`, but never a device's last; answers with how many. */
export async function pruneReports(db: Db, before: number): Promise<number> {
  const old = await db
    .selectFrom('reports')
    .innerJoin('devices', 'devices.id', 'reports.device')
    .select(['reports.device', 'reports.id'])
    .where('reports.received_at', '<', before)
    .where((where) =>
      where.or([
        where('devices.last_report', 'is', null),
        where('reports.id', '!=', where.ref('devices.last_report')),
      ]),
    )
    .limit(BATCH)
    .execute();
  for (const { device, id } of old) {
    await db.deleteFrom('reports').where('device', '=', device).where('id', '=', id).execute();
  }
  return old.length;
}

/** Deletes some decisions made before `before`, but never one in force. */
export async function pruneDecisions(db: Db, before: number): Promise<number> {
  const current = db
    .selectFrom('decisions')
    .select((select) => select.fn.max('id').as('id'))
    .groupBy('device');
  const old = await db
    .selectFrom('decisions')
    .select('id')
    .where('at', '<', before)
    .where('id', 'not in', current)
    .limit(BATCH)
    .execute();
  return deleteByIds(db, 'decisions', old);
}

export async function pruneAudit(db: Db, before: number): Promise<number> {
  const old = await db.selectFrom('audit').select('id').where('at', '<', before).limit(BATCH).execute();
  return deleteByIds(db, 'audit', old);
}

/** Deletes some rollouts that were finished before `before`, with what is known of their devices. */
export async function pruneRollouts(db: Db, before: number): Promise<number> {
  const old = await db
    .selectFrom('rollouts')
    .select('id')
    .where('finished_at', '<', before)
    .limit(BATCH)
    .execute();
  return deleteByIds(db, 'rollouts', old);
}

/** Deletes some certificates that ended before `before`: until then their keys are known and not taken again. */
export async function pruneCertificates(db: Db, before: number): Promise<number> {
  const old = await db
    .selectFrom('certificates')
    .select('serial')
    .where('not_after', '<', before)
    .limit(BATCH)
    .execute();
  if (old.length === 0) return 0;
  const serials = old.map(({ serial }) => serial);
  await db.deleteFrom('certificates').where('serial', 'in', serials).execute();
  return old.length;
}

export async function pruneL2tpEvents(db: Db, before: number): Promise<number> {
  const old = await db.selectFrom('l2tp_events').select('id').where('at', '<', before).limit(BATCH).execute();
  return deleteByIds(db, 'l2tp_events', old);
}

/** Deletes some sessions that ended before `before`; never one that is up. */
export async function pruneSessions(db: Db, before: number): Promise<number> {
  const old = await db
    .selectFrom('sessions')
    .select('id')
    .where('ended_at', '<', before)
    .limit(BATCH)
    .execute();
  return deleteByIds(db, 'sessions', old);
}

/** Deletes some requests to NASes that were dealt with before `before`. */
export async function pruneNasRequests(db: Db, before: number): Promise<number> {
  const old = await db
    .selectFrom('nas_requests')
    .select('id')
    .where('finished_at', '<', before)
    .limit(BATCH)
    .execute();
  return deleteByIds(db, 'nas_requests', old);
}

/** A login may still be needed while its session is up. */
export async function pruneLogins(db: Db, before: number): Promise<number> {
  const inUse = db.selectFrom('sessions').select('login').where('ended_at', 'is', null);
  const old = await db
    .selectFrom('logins')
    .select('id')
    .where('at', '<', before)
    .where('id', 'not in', inUse)
    .limit(BATCH)
    .execute();
  return deleteByIds(db, 'logins', old);
}

/** Deletes some webhook ids received before `before`; the signals that they told of stay with their device. */
export async function pruneWebhooks(db: Db, before: number): Promise<number> {
  const old = await db
    .selectFrom('webhooks')
    .selectAll()
    .where('received_at', '<', before)
    .limit(BATCH)
    .execute();
  for (const { source, id } of old) {
    await db.deleteFrom('webhooks').where('source', '=', source).where('id', '=', id).execute();
  }
  return old.length;
}

/** Deletes some signals that were closed before `before`. */
export async function pruneSignals(db: Db, before: number): Promise<number> {
  const old = await db
    .selectFrom('signals')
    .selectAll()
    .where('closed_at', '<', before)
    .limit(BATCH)
    .execute();
  for (const { source, id } of old) {
    await db.deleteFrom('signals').where('source', '=', source).where('id', '=', id).execute();
  }
  return old.length;
}

async function deleteByIds(
  db: Db,
  table: 'audit' | 'decisions' | 'sessions' | 'logins' | 'nas_requests' | 'rollouts' | 'l2tp_events',
  rows: readonly { id: string }[],
): Promise<number> {
  if (rows.length === 0) return 0;
  const ids = rows.map((row) => row.id);
  await db.deleteFrom(table).where('id', 'in', ids).execute();
  return rows.length;
}
