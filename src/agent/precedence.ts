import { systemClock, type Clock } from '../base/clock.ts';

/** Milliseconds for which what only looks stands back at most, whatever an order is at. */
const LONGEST_MS = 5_000;

/** Milliseconds for the receipt, which is signed and sent then. */
const RECEIPT_MS = 100;

/**
 * What cannot wait goes before what only looks: while an order is at work, no reading starts another program, and no
 * evidence is signed and sent.
 */
export type Precedence = {
  /** Begins to go first, for some seconds at most; the answer ends it. */
  hold(): () => void;
  /** Whether somebody goes first. */
  held(): boolean;
  /** Resolves when nobody does any more. */
  clear(): Promise<void>;
};

export function createPrecedence(clock: Pick<Clock, 'sleep'> = systemClock): Precedence {
  const holding = new Set<Promise<void>>();
  return {
    hold() {
      const over = new AbortController();
      const held = clock.sleep(LONGEST_MS, over.signal).catch(() => clock.sleep(RECEIPT_MS));
      const gone = held.then(() => void holding.delete(gone));
      holding.add(gone);
      return () => over.abort();
    },
    held: () => holding.size > 0,
    async clear() {
      while (holding.size > 0) await Promise.all(holding);
    },
  };
}
