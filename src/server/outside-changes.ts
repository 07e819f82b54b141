import { judgeAgain, type JudgingParts } from './rejudge.ts';
import type { Connections } from './connections.ts';

export type OutsideParts = JudgingParts & { connections: Connections };

/** Brings memory level with the store for a device that somebody else than its reports has changed. */
export async function noticeChange(parts: OutsideParts, device: string): Promise<void> {
  const { fleet, connections } = parts;
  await fleet.exclusively(device, async () => fleet.forget(device));
  const state = await fleet.get(device);
  if (state === null) connections.of(device)?.close('revoked');
  else await judgeAgain(parts, device);
}

/** Looks for what commands have changed in the store beside us: devices revoked or approved, alarms cleared. */
export async function noticeOutsideChanges(parts: OutsideParts): Promise<void> {
  const { store, fleet } = parts;
  if (!(await store.changedElsewhere())) return;
  const devices = await store.read((db) => db.selectFrom('devices').select(['id', 'status']).execute());
  const alarms = await store.read((db) =>
    db.selectFrom('alarms').select(['device', 'kind']).where('cleared_at', 'is', null).execute(),
  );
  const live = new Set(devices.filter((device) => device.status === 'live').map((device) => device.id));
  for (const state of fleet.all()) {
    const open = alarms.filter((alarm) => alarm.device === state.id).length;
    if (!live.has(state.id) || open !== state.alarms.length) await noticeChange(parts, state.id);
  }
}
