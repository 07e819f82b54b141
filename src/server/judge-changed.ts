import type { DeviceState } from './device-state.ts';
import { isNews, judgeDevice } from './judge-device.ts';
import type { JudgingParts } from './rejudge.ts';
import type { Db } from './store/store.ts';

/**
 * Changes what is known of a device, and judges it by that, in one unit of the store: the decision is on disk with
 * what it rests on, and told right after. False when the device is no longer live. Rejects with `StoreUnavailable`,
 * and then nothing has changed.
 */
export function judgeChanged(
  { fleet, store, clock, terms, decided }: JudgingParts,
  device: string,
  change: (db: Db, state: DeviceState) => Promise<DeviceState>,
): Promise<boolean> {
  return fleet.exclusively(device, async () => {
    const state = await fleet.get(device);
    if (state === null) return false;
    const judged = await store.write(async (db) =>
      judgeDevice(db, await change(db, state), terms(), clock.now()),
    );
    fleet.put(judged.state);
    if (isNews(judged.news)) decided(judged.state, judged.news);
    return true;
  });
}
