/** Work that must not overlap for one key, such as one device, while different keys go on side by side. */
export type KeyedLock = {
  /** Runs `work` after whatever runs for this key has ended. */
  exclusively<T>(key: string, work: () => Promise<T>): Promise<T>;
  isBusy(key: string): boolean;
};

export function createKeyedLock(): KeyedLock {
  const queues = new Map<string, Promise<unknown>>();
  return {
    exclusively(key, work) {
      const done = (queues.get(key) ?? Promise.resolve()).then(work, work);
      queues.set(key, done);
      const leave = () => void (queues.get(key) === done && queues.delete(key));
      done.then(leave, leave);
      return done;
    },
    isBusy: (key) => queues.has(key),
  };
}
