import type { Selectable } from 'kysely';
import { prepared } from './prepared.ts';
import type { Db } from './store.ts';
import type { DeviceRow, KeyRow } from './tables.ts';

export type Device = Selectable<DeviceRow>;

type NewDevice = Pick<
  DeviceRow,
  | 'id'
  | 'name'
  | 'platform'
  | 'machine_id'
  | 'ueid'
  | 'key_protection'
  | 'status'
  | 'replaces'
  | 'enrolled_at'
>;

/** A device with its two keys. */
export async function insertDevice(
  db: Db,
  device: NewDevice,
  keys: readonly Omit<KeyRow, 'device'>[],
): Promise<void> {
  const fresh = {
    seq: 0,
    boot: null,
    retired_boots: '[]',
    base_seq: null,
    base_dig: null,
    last_report: null,
    seen_at: null,
    facts_at: null,
    agent_version: null,
    dropped: 0,
    inventory: null,
    tags: '[]',
    directory_groups: '[]',
    break_glass: null,
    revision: 0,
  };
  await db
    .insertInto('devices')
    .values({ ...device, ...fresh })
    .execute();
  await db
    .insertInto('keys')
    .values(keys.map((key) => ({ ...key, device: device.id })))
    .execute();
}

export function findDevice(db: Db, id: string): Promise<Device | undefined> {
  return db.selectFrom('devices').selectAll().where('id', '=', id).executeTakeFirst();
}

/** In the order of enrolment. */
export function listDevices(db: Db): Promise<Device[]> {
  return db.selectFrom('devices').selectAll().orderBy('id').execute();
}

/** The device whose report key has this thumbprint, with that key. */
export function findByReportKey(db: Db, kid: string): Promise<(Device & { jwk: string }) | undefined> {
  return db
    .selectFrom('devices')
    .innerJoin('keys', 'keys.device', 'devices.id')
    .selectAll('devices')
    .select('keys.jwk')
    .where('keys.kid', '=', kid)
    .where('keys.kind', '=', 'report')
    .executeTakeFirst();
}

/** JSON of the key to which secrets for a device are encrypted. Throws for a device that does not exist. */
export async function encryptionKey(db: Db, device: string): Promise<string> {
  const { jwk } = await db
    .selectFrom('keys')
    .select('jwk')
    .where('device', '=', device)
    .where('kind', '=', 'encryption')
    .executeTakeFirstOrThrow();
  return jwk;
}

export function findLiveOnMachine(db: Db, machineId: string): Promise<Device | undefined> {
  return db
    .selectFrom('devices')
    .selectAll()
    .where('machine_id', '=', machineId)
    .where('status', '=', 'live')
    .executeTakeFirst();
}

/** What is changed here, the running server notices by the revision, which rises. */
export async function changeDevice(
  db: Db,
  { id, revision }: Pick<Device, 'id' | 'revision'>,
  change: Partial<Pick<DeviceRow, 'tags' | 'directory_groups' | 'break_glass'>>,
  now: number,
): Promise<void> {
  const next = Math.max(revision + 1, Math.floor(now / 1_000));
  await db
    .updateTable('devices')
    .set({ ...change, revision: next })
    .where('id', '=', id)
    .execute();
}

export async function setStatus(db: Db, id: string, status: DeviceRow['status']): Promise<void> {
  await db.updateTable('devices').set({ status }).where('id', '=', id).execute();
}

export async function setBoot(
  db: Db,
  id: string,
  boot: string | null,
  retired: readonly string[],
): Promise<void> {
  await db
    .updateTable('devices')
    .set({ boot, retired_boots: JSON.stringify(retired) })
    .where('id', '=', id)
    .execute();
}

/** What a frame changes of its device. */
export type Progress = Pick<
  DeviceRow,
  | 'id'
  | 'seq'
  | 'base_seq'
  | 'base_dig'
  | 'last_report'
  | 'seen_at'
  | 'facts_at'
  | 'agent_version'
  | 'dropped'
  | 'inventory'
>;

const updateProgress = prepared((db, values: Progress) =>
  db
    .updateTable('devices')
    .set({
      seq: values.seq,
      base_seq: values.base_seq,
      base_dig: values.base_dig,
      last_report: values.last_report,
      seen_at: values.seen_at,
      facts_at: values.facts_at,
      agent_version: values.agent_version,
      dropped: values.dropped,
      inventory: values.inventory,
    })
    .where('id', '=', values.id)
    .where('seq', '<', values.seq)
    .where('status', '=', 'live'),
);

/** False when the sequence number was used before, or the device may no longer report. */
export async function advance(db: Db, progress: Progress): Promise<boolean> {
  return (await updateProgress(db, progress)).changed === 1;
}
