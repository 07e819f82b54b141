import type { Db } from './store.ts';
import type { RolloutDeviceRow, RolloutRow } from './l2tp-tables.ts';

/** Rows that one statement inserts: SQLite takes 32,766 values. */
const CHUNK = 1_000;

export async function insertRollout(db: Db, rollout: RolloutRow, devices: readonly string[]): Promise<void> {
  await db.insertInto('rollouts').values(rollout).execute();
  const rows = devices.map((device, position): RolloutDeviceRow => {
    const nothing = { ordered_at: null, finished_at: null, order_id: null, reason: null };
    return {
      rollout: rollout.id,
      device,
      position,
      state: 'waiting',
      ...nothing,
      before: null,
      result: null,
    };
  });
  for (let at = 0; at < rows.length; at += CHUNK)
    await db
      .insertInto('rollout_devices')
      .values(rows.slice(at, at + CHUNK))
      .execute();
}

export function findRollout(db: Db, id: string): Promise<RolloutRow | undefined> {
  return db.selectFrom('rollouts').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Newest first. */
export function latestRollouts(db: Db, limit: number): Promise<RolloutRow[]> {
  return db.selectFrom('rollouts').selectAll().orderBy('id', 'desc').limit(limit).execute();
}

/** Those about which the server has something to do: of one that is stopped, devices that were ordered before. */
export function runningRollouts(db: Db): Promise<RolloutRow[]> {
  const ordered = db.selectFrom('rollout_devices').select('rollout').where('state', '=', 'ordered');
  return db
    .selectFrom('rollouts')
    .selectAll()
    .where((where) =>
      where.or([
        where('state', '=', 'running'),
        where.and([where('state', '=', 'stopped'), where('id', 'in', ordered)]),
      ]),
    )
    .orderBy('id')
    .execute();
}

export async function changeRollout(
  db: Db,
  id: string,
  change: Partial<Pick<RolloutRow, 'state' | 'note' | 'forgiven' | 'approved_by' | 'finished_at'>>,
): Promise<void> {
  await db.updateTable('rollouts').set(change).where('id', '=', id).execute();
}

/** In their line. */
export function devicesOf(db: Db, rollout: string): Promise<RolloutDeviceRow[]> {
  return db
    .selectFrom('rollout_devices')
    .selectAll()
    .where('rollout', '=', rollout)
    .orderBy('position')
    .execute();
}

export async function changeRolloutDevice(
  db: Db,
  { rollout, device }: Pick<RolloutDeviceRow, 'rollout' | 'device'>,
  change: Partial<Omit<RolloutDeviceRow, 'rollout' | 'device' | 'position'>>,
): Promise<void> {
  await db
    .updateTable('rollout_devices')
    .set(change)
    .where('rollout', '=', rollout)
    .where('device', '=', device)
    .execute();
}

/** All of a state at once. */
export async function moveRolloutDevices(
  db: Db,
  rollout: string,
  from: RolloutDeviceRow['state'],
  change: Partial<Pick<RolloutDeviceRow, 'state' | 'reason' | 'finished_at'>>,
): Promise<void> {
  await db
    .updateTable('rollout_devices')
    .set(change)
    .where('rollout', '=', rollout)
    .where('state', '=', from)
    .execute();
}

/** How many devices of each rollout are in each state. */
export async function rolloutCounts(
  db: Db,
  rollouts: readonly string[],
): Promise<{ rollout: string; state: RolloutDeviceRow['state']; count: number }[]> {
  if (rollouts.length === 0) return [];
  const rows = await db
    .selectFrom('rollout_devices')
    .select((select) => ['rollout', 'state', select.fn.countAll().as('count')])
    .where('rollout', 'in', rollouts)
    .groupBy(['rollout', 'state'])
    .execute();
  return rows.map(({ count, ...rest }) => ({ ...rest, count: Number(count) }));
}

/** Whether a rollout that is not finished has the device in it still. */
export async function isUnderWay(db: Db, device: string): Promise<boolean> {
  const row = await db
    .selectFrom('rollout_devices')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_devices.rollout')
    .select('rollouts.id')
    .where('rollout_devices.device', '=', device)
    .where('rollout_devices.state', 'in', ['waiting', 'ordered'])
    .where('rollouts.state', '!=', 'done')
    .executeTakeFirst();
  return row !== undefined;
}

/** What was last brought about on a device by a rollout. */
export function lastBroughtAbout(
  db: Db,
  device: string,
): Promise<Pick<RolloutRow & RolloutDeviceRow, 'action' | 'duration' | 'finished_at'> | undefined> {
  return db
    .selectFrom('rollout_devices')
    .innerJoin('rollouts', 'rollouts.id', 'rollout_devices.rollout')
    .select(['rollouts.action', 'rollouts.duration', 'rollout_devices.finished_at'])
    .where('rollout_devices.device', '=', device)
    .where('rollout_devices.state', '=', 'done')
    .orderBy('rollout_devices.finished_at', 'desc')
    .limit(1)
    .executeTakeFirst();
}
