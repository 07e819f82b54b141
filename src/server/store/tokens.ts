import { prepared } from './prepared.ts';
import type { Db } from './store.ts';
import type { GatewayRow, TokenRow } from './tables.ts';

export async function insertToken(db: Db, token: TokenRow): Promise<void> {
  await db.insertInto('tokens').values(token).execute();
}

export function findToken(db: Db, id: string): Promise<TokenRow | undefined> {
  return db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Newest first. */
export function listTokens(db: Db): Promise<TokenRow[]> {
  return db.selectFrom('tokens').selectAll().orderBy('created_at', 'desc').execute();
}

/** False when there is none of this id that is still in force. */
export async function revokeToken(db: Db, id: string, now: number): Promise<boolean> {
  const done = await db
    .updateTable('tokens')
    .set({ revoked_at: now })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return Number(done.numUpdatedRows) === 1;
}

/** Uses up one of a token's uses for `device`; false when none is left. */
export async function useToken(
  db: Db,
  use: { token: string; kid: string; device: string },
  now: number,
): Promise<boolean> {
  const done = await db
    .updateTable('tokens')
    .set((row) => ({ uses_left: row('uses_left', '-', 1) }))
    .where('id', '=', use.token)
    .where('uses_left', '>', 0)
    .executeTakeFirst();
  if (Number(done.numUpdatedRows) !== 1) return false;
  await db
    .insertInto('token_uses')
    .values({ ...use, used_at: now })
    .execute();
  return true;
}

/** The device that this key became when it used this token before. */
export async function usedBy(db: Db, token: string, kid: string): Promise<string | null> {
  const row = await db
    .selectFrom('token_uses')
    .select('device')
    .where('token', '=', token)
    .where('kid', '=', kid)
    .executeTakeFirst();
  return row?.device ?? null;
}

export async function insertGateway(db: Db, gateway: GatewayRow): Promise<void> {
  await db.insertInto('gateways').values(gateway).execute();
}

const gatewayPrepared = prepared((db, { id }: { id: string }) =>
  db.selectFrom('gateways').selectAll().where('id', '=', id),
);

export async function findGateway(db: Db, id: string): Promise<GatewayRow | undefined> {
  return (await gatewayPrepared(db, { id })).rows[0];
}

export function listGateways(db: Db): Promise<GatewayRow[]> {
  return db.selectFrom('gateways').selectAll().orderBy('name').execute();
}

export async function revokeGateway(db: Db, name: string, now: number): Promise<boolean> {
  const done = await db
    .updateTable('gateways')
    .set({ revoked_at: now })
    .where('name', '=', name)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return Number(done.numUpdatedRows) === 1;
}
