/** Work that must not overlap for one key, such as one device, while different keys go on side by side. */
export type KeyedLock = {
  /** Runs `work` after whatever runs for this key has ended. */
  exclusively<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** The same for several keys at once. */
  exclusivelyAll<T>(keys: readonly string[], work: () => Promise<T>): Promise<T>;
  isBusy(key: string): boolean;
};

export function createKeyedLock(): KeyedLock {
  const queues = new Map<string, Promise<unknown>>();
  /** All keys are queued for in the same moment, so that no two can wait for each other. */
  function exclusivelyAll<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const ahead = keys.flatMap((key) => queues.get(key) ?? []);
    const done = Promise.allSettled(ahead).then(work);
    for (const key of keys) queues.set(key, done);
    const leave = () => {
      for (const key of keys) if (queues.get(key) === done) queues.delete(key);
    };
    done.then(leave, leave);
    return done;
  }
  return {
    exclusively(key, work) {
      const done = (queues.get(key) ?? Promise.resolve()).then(work, work);
      queues.set(key, done);
      const leave = () => void (queues.get(key) === done && queues.delete(key));
      done.then(leave, leave);
      return done;
    },
    exclusivelyAll,
    isBusy: (key) => queues.has(key),
  };
}
