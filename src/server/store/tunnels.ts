import { sql } from 'kysely';
import { prepared } from './prepared.ts';
import type { Db } from './store.ts';
import type { TunnelRow } from './tables.ts';

/** An IPsec tunnel that a gateway tells of. */
export type Tunnel = TunnelRow;

/** Tunnels of which no end was told are forgotten after this. */
const LONGEST_MS = 2 * 86_400_000;

export async function putTunnel(db: Db, tunnel: Tunnel): Promise<void> {
  const { since, certificate_serial, certificate_fingerprint } = tunnel;
  // Two neighbours of one name, one of whom proves it: nobody knows which of them dials.
  await db
    .deleteFrom('tunnels')
    .where('since', '<', since - LONGEST_MS)
    .execute();
  await db
    .insertInto('tunnels')
    .values(tunnel)
    .onConflict((conflict) =>
      conflict.columns(['gateway', 'peer_address', 'peer_id']).doUpdateSet(({ eb, ref }) => ({
        since,
        certificate_serial,
        certificate_fingerprint,
        proof: eb.case().when('tunnels.proof', '=', ref('excluded.proof')).then(ref('excluded.proof')).end(),
      })),
    )
    .execute();
}

/** An end that was told late does not end a tunnel that was opened after it. */
export async function dropTunnel(
  db: Db,
  { gateway, peer_address: address, peer_id: id }: Pick<Tunnel, 'gateway' | 'peer_address' | 'peer_id'>,
  at: number,
): Promise<void> {
  await db
    .deleteFrom('tunnels')
    .where('gateway', '=', gateway)
    .where('peer_address', '=', address)
    .where('peer_id', '=', id)
    .where('since', '<=', at)
    .execute();
}

const tunnelsPrepared = prepared((db, { address }: { address: string }) =>
  db.selectFrom('tunnels').selectAll().where('peer_address', '=', address).limit(sql.lit(50)),
);

export async function tunnelsFrom(db: Db, address: string): Promise<Tunnel[]> {
  return (await tunnelsPrepared(db, { address })).rows;
}
