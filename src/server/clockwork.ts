import { noticeOutsideChanges, type OutsideParts } from './outside-changes.ts';
import { judgeDue } from './rejudge.ts';
import { listDevices } from './store/devices.ts';

const TICK_MS = 1_000;

/** Judges devices by the clock until `signal` aborts: facts age and agents fall silent without a word. */
export async function runClockwork(parts: OutsideParts, signal: AbortSignal): Promise<void> {
  const { clock, log } = parts;
  await loadDevices(parts);
  while (!signal.aborted) {
    await noticeOutsideChanges(parts).catch((error: unknown) => log.warn({ err: error }, 'store not read'));
    await judgeDue(parts);
    await clock.sleep(TICK_MS, signal).catch(() => {});
  }
}

async function loadDevices({ store, fleet }: OutsideParts): Promise<void> {
  for (const { id, status } of await store.read(listDevices)) {
    if (status === 'live') await fleet.get(id);
  }
}
