import { loadState, type DeviceState } from './device-state.ts';
import type { Store } from './store/store.ts';

/** All live devices, in memory: read from the store once, then kept level with it by whoever writes. */
export type Fleet = {
  /** Null when there is no such device, or it is not live. */
  get(id: string): Promise<DeviceState | null>;
  /** Those in memory. */
  all(): Iterable<DeviceState>;
  /** To be called after the commit of what it says. */
  put(state: DeviceState): void;
  /** The store is right, we may not be: it is read again when next asked for. */
  forget(id: string): void;
  /** Runs `work` after whatever runs for this device has ended. */
  exclusively<T>(id: string, work: () => Promise<T>): Promise<T>;
  isBusy(id: string): boolean;
};

export function createFleet(store: Store): Fleet {
  const states = new Map<string, DeviceState>();
  const queues = new Map<string, Promise<unknown>>();
  return {
    async get(id) {
      const known = states.get(id);
      if (known !== undefined) return known;
      const loaded = await store.read((db) => loadState(db, id));
      if (loaded === null) return null;
      // Somebody else may have loaded it in the meantime, and gone on from there.
      const state = states.get(id) ?? loaded;
      states.set(id, state);
      return state;
    },
    all: () => states.values(),
    put: (state) => void states.set(state.id, state),
    forget: (id) => void states.delete(id),
    isBusy: (id) => queues.has(id),
    exclusively(id, work) {
      const done = (queues.get(id) ?? Promise.resolve()).then(work, work);
      queues.set(id, done);
      const leave = () => void (queues.get(id) === done && queues.delete(id));
      done.then(leave, leave);
      return done;
    },
  };
}
