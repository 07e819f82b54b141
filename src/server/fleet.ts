import { loadState, type DeviceState } from './device-state.ts';
import { createKeyedLock, type KeyedLock } from './keyed-lock.ts';
import type { Store } from './store/store.ts';

/** All live devices, in memory: read from the store once, then kept level with it by whoever writes. */
export type Fleet = KeyedLock & {
  /** Null when there is no such device, or it is not live. */
  get(id: string): Promise<DeviceState | null>;
  /** Those in memory, and how many they are. */
  all(): Iterable<DeviceState>;
  count(): number;
  /** One of those in memory. */
  peek(id: string): DeviceState | undefined;
  /** To be called after the commit of what it says. */
  put(state: DeviceState): void;
  /** The store is right, we may not be: it is read again when next asked for. */
  forget(id: string): void;
};

export function createFleet(store: Store): Fleet {
  const states = new Map<string, DeviceState>();
  return {
    ...createKeyedLock(),
    async get(id) {
      const known = states.get(id);
      if (known !== undefined) return known;
      const loaded = await store.read((db) => loadState(db, id));
      if (loaded?.status !== 'live') return null;
      // Somebody else may have loaded it in the meantime, and gone on from there.
      const state = states.get(id) ?? loaded;
      states.set(id, state);
      return state;
    },
    all: () => states.values(),
    count: () => states.size,
    peek: (id) => states.get(id),
    put: (state) => void states.set(state.id, state),
    forget: (id) => void states.delete(id),
  };
}
