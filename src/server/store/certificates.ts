import type { Db } from './store.ts';
import type { CertificateRow, EstTokenRow } from './tables.ts';

/** Throws where a certificate was given for the same key before. */
export async function insertCertificate(db: Db, row: CertificateRow): Promise<void> {
  await db.insertInto('certificates').values(row).execute();
}

export function findBySerial(db: Db, serial: string): Promise<CertificateRow | undefined> {
  return db.selectFrom('certificates').selectAll().where('serial', '=', serial).executeTakeFirst();
}

export function findByKey(db: Db, keyId: string): Promise<CertificateRow | undefined> {
  return db.selectFrom('certificates').selectAll().where('key_id', '=', keyId).executeTakeFirst();
}

/** Newest first. */
export function listCertificates(
  db: Db,
  { device, limit }: { device?: string | undefined; limit: number },
): Promise<CertificateRow[]> {
  const all = db.selectFrom('certificates').selectAll().orderBy('issued_at', 'desc').limit(limit);
  return (device === undefined ? all : all.where('device', '=', device)).execute();
}

/** Revokes whatever of a device is still good; answers with the serials. */
export async function revokeOfDevice(db: Db, device: string, reason: string, now: number): Promise<string[]> {
  const rows = await db
    .updateTable('certificates')
    .set({ revoked_at: now, reason })
    .where('device', '=', device)
    .where('revoked_at', 'is', null)
    .where('not_after', '>', now)
    .returning('serial')
    .execute();
  return rows.map(({ serial }) => serial);
}

/** False where there is none of this serial, or it is revoked already. */
export async function revokeSerial(db: Db, serial: string, reason: string, now: number): Promise<boolean> {
  const done = await db
    .updateTable('certificates')
    .set({ revoked_at: now, reason })
    .where('serial', '=', serial)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return Number(done.numUpdatedRows) === 1;
}

/** Revoked ones that were still good at `since`, the earliest first. */
export function revokedSince(db: Db, since: number): Promise<CertificateRow[]> {
  return db
    .selectFrom('certificates')
    .selectAll()
    .where('revoked_at', 'is not', null)
    .where('not_after', '>', since)
    .orderBy('revoked_at')
    .execute();
}

/** Of what agents were given: the newest of each device, where it is revoked and would still be good. */
function revokedAndNewest(db: Db, now: number) {
  return db
    .selectFrom('certificates as one')
    .select(['one.serial', 'one.device'])
    .where('one.not_after', '>', now)
    .where('one.via', '=', 'agent')
    .where('one.revoked_at', 'is not', null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('certificates as newer')
            .select('newer.serial')
            .whereRef('newer.device', '=', 'one.device')
            .whereRef('newer.issued_at', '>', 'one.issued_at')
            .where('newer.via', '=', 'agent'),
        ),
      ),
    );
}

/** Devices whose agent holds what is revoked. */
export async function holdersOfRevoked(db: Db, now: number): Promise<string[]> {
  const rows = await revokedAndNewest(db, now).execute();
  return rows.flatMap(({ device }) => device ?? []);
}

/** The serial of what a device's agent holds, where that is revoked. */
export async function heldRevoked(db: Db, device: string, now: number): Promise<string | null> {
  const row = await revokedAndNewest(db, now).where('one.device', '=', device).executeTakeFirst();
  return row?.serial ?? null;
}

/** Changes whenever something is revoked. */
export async function revocationMark(db: Db): Promise<string> {
  const { count, last } = await db
    .selectFrom('certificates')
    .select((select) => [select.fn.count('serial').as('count'), select.fn.max('revoked_at').as('last')])
    .where('revoked_at', 'is not', null)
    .executeTakeFirstOrThrow();
  return `${count}/${last}`;
}

/** Live devices by when their last good certificate ends. */
export function lastEnds(db: Db, now: number): Promise<{ device: string | null; not_after: number }[]> {
  return db
    .selectFrom('certificates')
    .select((select) => ['device', select.fn.max('not_after').as('not_after')])
    .where('kind', '=', 'device')
    .where('revoked_at', 'is', null)
    .where('not_after', '>', now)
    .groupBy('device')
    .execute();
}

/** The newest certificate of each gateway, by its name. */
export function gatewayEnds(db: Db): Promise<{ name: string; not_after: number }[]> {
  return db
    .selectFrom('certificates')
    .select((select) => ['name', select.fn.max('not_after').as('not_after')])
    .where('kind', '=', 'gateway')
    .where('revoked_at', 'is', null)
    .groupBy('name')
    .execute();
}

export async function latestIssue(db: Db): Promise<number | null> {
  const row = await db
    .selectFrom('certificates')
    .select((select) => select.fn.max('issued_at').as('at'))
    .executeTakeFirst();
  return row?.at ?? null;
}

export async function putEstToken(db: Db, row: EstTokenRow): Promise<void> {
  await db
    .insertInto('est_tokens')
    .values(row)
    .onConflict((conflict) => conflict.column('device').doUpdateSet(row))
    .execute();
}

export function findEstToken(db: Db, device: string): Promise<EstTokenRow | undefined> {
  return db.selectFrom('est_tokens').selectAll().where('device', '=', device).executeTakeFirst();
}

/** False when another request has used it up meanwhile. */
export async function useEstToken(db: Db, device: string, hash: string): Promise<boolean> {
  const done = await db
    .deleteFrom('est_tokens')
    .where('device', '=', device)
    .where('hash', '=', hash)
    .executeTakeFirst();
  return Number(done.numDeletedRows) === 1;
}
