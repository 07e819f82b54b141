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

export type NewKey = Pick<KeyRow, 'kid' | 'kind' | 'jwk' | 'created_at'>;

/** A device with its two keys. */
export async function insertDevice(
  db: Db,
  device: NewDevice,
  keys: readonly NewKey[],
  hardware: readonly string[] = [],
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
  await insertKeys(db, device.id, keys);
  if (hardware.length === 0) return;
  const rows = [...new Set(hardware)].map((one) => ({ device: device.id, hardware: one }));
  await db.insertInto('hardware').values(rows).execute();
}

async function insertKeys(db: Db, device: string, keys: readonly NewKey[]): Promise<void> {
  const rows = keys.map((key) => ({ ...key, device, retired_at: null }));
  await db.insertInto('keys').values(rows).execute();
}

/** Other keys take the place of a device's own. */
export async function replaceKeys(
  db: Db,
  device: string,
  { keys, protection }: { keys: readonly NewKey[]; protection: string },
  now: number,
): Promise<void> {
  await db
    .updateTable('keys')
    .set({ retired_at: now })
    .where('device', '=', device)
    .where('retired_at', 'is', null)
    .execute();
  await insertKeys(db, device, keys);
  await db.updateTable('devices').set({ key_protection: protection }).where('id', '=', device).execute();
}

export function findDevice(db: Db, id: string): Promise<Device | undefined> {
  return db.selectFrom('devices').selectAll().where('id', '=', id).executeTakeFirst();
}

/** In the order of enrolment. */
export function listDevices(db: Db): Promise<Device[]> {
  return db.selectFrom('devices').selectAll().orderBy('id').execute();
}

export type DeviceOfKey = Device & Pick<KeyRow, 'jwk' | 'retired_at'>;

/** The device whose report key has this thumbprint, with that key, which may be retired. */
export function findByReportKey(db: Db, kid: string): Promise<DeviceOfKey | undefined> {
  return db
    .selectFrom('devices')
    .innerJoin('keys', 'keys.device', 'devices.id')
    .selectAll('devices')
    .select(['keys.jwk', 'keys.retired_at'])
    .where('keys.kid', '=', kid)
    .where('keys.kind', '=', 'report')
    .executeTakeFirst();
}

/** Whether any device has, or had, a key with this thumbprint. */
export async function isKnownKey(db: Db, kid: string): Promise<boolean> {
  return (await db.selectFrom('keys').select('kid').where('kid', '=', kid).executeTakeFirst()) !== undefined;
}

/** JSON of the key to which secrets for a device are encrypted. Throws for a device that does not exist. */
export async function encryptionKey(db: Db, device: string): Promise<string> {
  const { jwk } = await db
    .selectFrom('keys')
    .select('jwk')
    .where('device', '=', device)
    .where('kind', '=', 'encryption')
    .where('retired_at', 'is', null)
    .executeTakeFirstOrThrow();
  return jwk;
}

/** Live devices, besides `id`, on the computer that is known by its system's id or any of its own numbers. */
export async function findTwins(
  db: Db,
  { id, machineId, hardware }: { id: string; machineId: string | null; hardware: readonly string[] },
): Promise<Device[]> {
  const live = db.selectFrom('devices').selectAll().where('status', '=', 'live').where('id', '!=', id);
  const byMachine = machineId === null ? [] : await live.where('machine_id', '=', machineId).execute();
  if (hardware.length === 0) return byMachine;
  const owners = db.selectFrom('hardware').select('device').where('hardware', 'in', hardware);
  const byHardware = await live.where('id', 'in', owners).execute();
  return [...new Map([...byMachine, ...byHardware].map((one) => [one.id, one])).values()];
}

export async function hardwareOf(db: Db, device: string): Promise<string[]> {
  const rows = await db.selectFrom('hardware').select('hardware').where('device', '=', device).execute();
  return rows.map(({ hardware }) => hardware);
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
