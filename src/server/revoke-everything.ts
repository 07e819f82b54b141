import { revokeDevice } from './ca/revocation.ts';
import { withdrawCredential } from './credentials/withdraw.ts';
import { audit } from './store/audit.ts';
import { setStatus } from './store/devices.ts';
import { openOfDevice } from './store/sessions.ts';
import type { Db } from './store/store.ts';

type By = { actor: string; now: number };

/** Ends one kind of thing that a device has; answers with how many there were. Part of the same unit of the store. */
type Ending = (db: Db, device: string, by: By, cause: string) => Promise<number>;

/**
 * Everything that a device has besides its identity, by the word under which the audit record counts it. Whatever else
 * is given to devices one day has its line here.
 */
const ENDINGS: Readonly<Record<string, Ending>> = {
  certificates: (db, device, by, because) =>
    revokeDevice(db, device, { reason: 'cessationOfOperation', because }, by),
  credentials: (db, device, by, because) => withdrawCredential(db, device, because, by),
  orders: endOrders,
  wanted: endWanted,
  // The running server ends them at their gateways once it sees that the device is revoked.
  sessions: (db, device) => openOfDevice(db, device).then((open) => open.length),
};

/** How many of each were ended. */
export type Ended = Record<string, number>;

/**
 * A unit of the store: a device is nobody any more, and nothing that it was given is good for anything. What has no
 * unit (its connection, its VPN sessions) the running server ends within a second or two.
 */
export async function revokeEverything(db: Db, device: string, by: By, cause: string): Promise<Ended> {
  const ended: Ended = {};
  for (const [name, end] of Object.entries(ENDINGS)) ended[name] = await end(db, device, by, cause);
  await setStatus(db, device, 'revoked');
  const { actor, now } = by;
  await audit(db, now, { actor, action: 'revoke', subject: device, detail: { cause, ended } });
  return ended;
}

async function endOrders(db: Db, device: string): Promise<number> {
  const done = await db
    .updateTable('orders')
    .set({ state: 'failed', reason: 'the device was revoked' })
    .where('device', '=', device)
    .where('state', 'in', ['sent', 'received'])
    .executeTakeFirst();
  return Number(done.numUpdatedRows);
}

async function endWanted(db: Db, device: string): Promise<number> {
  const done = await db.deleteFrom('wanted').where('device', '=', device).executeTakeFirst();
  return Number(done.numDeletedRows);
}
