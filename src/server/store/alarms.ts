import { randomUUIDv7 } from 'node:crypto';
import { audit } from './audit.ts';
import type { Db } from './store.ts';
import type { AlarmRow } from './tables.ts';

export type AlarmKind = AlarmRow['kind'];

/** Raises an alarm, on record, unless one of its kind is open for the device; true when it is new. */
export async function raiseAlarm(
  db: Db,
  alarm: { device: string; kind: AlarmKind; detail: string },
  now: number,
): Promise<boolean> {
  const open = await openAlarms(db, alarm.device);
  if (open.some((one) => one.kind === alarm.kind)) return false;
  const fresh = { id: randomUUIDv7(), raised_at: now, cleared_at: null, cleared_by: null };
  await db
    .insertInto('alarms')
    .values({ ...alarm, ...fresh })
    .execute();
  await audit(db, now, { actor: 'server', action: `alarm ${alarm.kind}`, subject: alarm.device });
  return true;
}

export function openAlarms(db: Db, device: string): Promise<AlarmRow[]> {
  return db
    .selectFrom('alarms')
    .selectAll()
    .where('device', '=', device)
    .where('cleared_at', 'is', null)
    .orderBy('id')
    .execute();
}

/** Clears a device's alarm of one kind, whose cause is gone; true when there was one. */
export async function clearAlarmOf(
  db: Db,
  { device, kind }: Pick<AlarmRow, 'device' | 'kind'>,
  by: string,
  now: number,
): Promise<boolean> {
  const done = await db
    .updateTable('alarms')
    .set({ cleared_at: now, cleared_by: by })
    .where('device', '=', device)
    .where('kind', '=', kind)
    .where('cleared_at', 'is', null)
    .executeTakeFirst();
  return Number(done.numUpdatedRows) > 0;
}

/** Clears all open alarms of a device; answers with how many there were. */
export async function clearAlarms(db: Db, device: string, by: string, now: number): Promise<number> {
  const done = await db
    .updateTable('alarms')
    .set({ cleared_at: now, cleared_by: by })
    .where('device', '=', device)
    .where('cleared_at', 'is', null)
    .executeTakeFirst();
  return Number(done.numUpdatedRows);
}
