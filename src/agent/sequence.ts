import { z } from 'zod';
import type { StateFile } from './state-file.ts';

export const sequenceState = () =>
  z.object({
    /** No number up to this one may be used again, whether or not it was. */
    reserved: z.number().int().nonnegative(),
  });

export type SequenceState = z.infer<ReturnType<typeof sequenceState>>;

const BLOCK = 1_000;

/** Numbers that rise for ever: reserved on disk a block at a time, so that no crash can bring one back. */
export type Sequence = {
  /**
   * Never rejects. Where a new block cannot be written (disk full) the numbers go on all the same: after a crash
   * the server's `seq_min`, which opens every connection, keeps them from coming back.
   */
  next(): Promise<number>;
  /** The next number will be higher than `used`. */
  raiseAbove(used: number): void;
};

export async function openSequence(file: StateFile<SequenceState>): Promise<Sequence> {
  let reserved = (await file.read())?.reserved ?? 0;
  let last = reserved;
  return {
    async next() {
      const number = (last += 1);
      if (number > reserved) {
        const upTo = number + BLOCK;
        const written = await file.write({ reserved: upTo }).then(
          () => true,
          () => false,
        );
        if (written) reserved = Math.max(reserved, upTo);
      }
      return number;
    },
    raiseAbove(used) {
      last = Math.max(last, used);
    },
  };
}
