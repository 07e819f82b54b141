import { heldIn, storedBreaker } from './breaker-record.ts';
import type { Connections } from './connections.ts';
import { judgeAgain, type JudgingParts } from './rejudge.ts';
import { revokedWithSessions } from './store/sessions.ts';

export type OutsideParts = JudgingParts & {
  connections: Connections;
  /** A device is live no more. */
  gone(device: string): void;
  /** Somebody beside us has written to the store. */
  writtenElsewhere(): void;
};

/** Brings memory level with the store for a device that somebody else than its reports has changed. */
export async function noticeChange(parts: OutsideParts, device: string): Promise<void> {
  const { fleet, connections, gone } = parts;
  await fleet.exclusively(device, async () => fleet.forget(device));
  const state = await fleet.get(device);
  if (state !== null) return void (await judgeAgain(parts, device));
  connections.of(device)?.close('revoked');
  gone(device);
}

/** Looks for what commands have changed in the store beside us: devices, their alarms, the breaker. */
export async function noticeOutsideChanges(parts: OutsideParts): Promise<void> {
  const { store, fleet } = parts;
  if (!(await store.changedElsewhere())) return;
  parts.writtenElsewhere();
  await noticeBreaker(parts);
  const devices = await store.read((db) =>
    db.selectFrom('devices').select(['id', 'status', 'revision']).execute(),
  );
  const alarms = await store.read((db) =>
    db.selectFrom('alarms').select(['device', 'kind']).where('cleared_at', 'is', null).execute(),
  );
  const live = new Map(devices.flatMap((one) => (one.status === 'live' ? [[one.id, one.revision]] : [])));
  for (const state of fleet.all()) {
    const open = alarms.filter((alarm) => alarm.device === state.id).length;
    const isSame = live.get(state.id) === state.revision && open === state.alarms.length;
    if (!isSame) await noticeChange(parts, state.id);
  }
  // Also of devices that nobody has heard since we started.
  (await store.read(revokedWithSessions)).forEach(parts.gone);
}

/** What a person has confirmed is judged again at once. */
async function noticeBreaker({ store, fleet, terms }: OutsideParts): Promise<void> {
  const { breaker } = terms();
  const stored = await store.read(storedBreaker);
  const { trippedAt, openUntil } = breaker.state();
  if (breaker.unsaved() !== null || (stored.trippedAt === trippedAt && stored.openUntil === openUntil))
    return;
  breaker.set(stored);
  for (const id of heldIn(fleet)) {
    const state = fleet.peek(id);
    if (state !== undefined) fleet.put({ ...state, dueAt: 0 });
  }
}
