import type { Db } from './store.ts';
import type { VpnCredentialRow } from './tables.ts';

const NONE = { generation: 0, epoch: null, confirmed_at: null };

export async function credentialOf(db: Db, device: string): Promise<VpnCredentialRow> {
  const row = await db
    .selectFrom('vpn_credentials')
    .selectAll()
    .where('device', '=', device)
    .executeTakeFirst();
  return row ?? { device, ...NONE };
}

export async function putCredential(db: Db, row: VpnCredentialRow): Promise<void> {
  await db
    .insertInto('vpn_credentials')
    .values(row)
    .onConflict((conflict) => conflict.column('device').doUpdateSet(row))
    .execute();
}
