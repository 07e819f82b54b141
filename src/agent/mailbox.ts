/** Timers cannot wait longer; whoever waits for more asks again. */
const LONGEST_MS = 2 ** 31 - 1;

/** A queue with one reader: what several sources say is taken in order, one after the other. */
export type Mailbox<T> = {
  put(item: T): void;
  /** The next item, or null when none came within `ms`. */
  take(ms: number): Promise<T | null>;
};

export function createMailbox<T>(): Mailbox<T> {
  const items: T[] = [];
  let wake: (() => void) | null = null;

  return {
    put(item) {
      items.push(item);
      wake?.();
    },
    async take(ms) {
      if (items.length === 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(Math.max(0, ms), LONGEST_MS));
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = null;
      }
      return items.shift() ?? null;
    },
  };
}
