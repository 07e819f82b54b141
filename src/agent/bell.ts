/** Tells whoever listens at the moment that something has happened. */
export type Bell<T> = {
  ring(message: T): void;
  /** Returns the way to stop listening. */
  listen(listener: (message: T) => void): () => void;
  /** Whether anybody listens. */
  readonly isHeard: boolean;
};

export function createBell<T>(): Bell<T> {
  const listeners = new Set<(message: T) => void>();
  return {
    ring(message) {
      for (const listener of listeners) listener(message);
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    get isHeard() {
      return listeners.size > 0;
    },
  };
}
