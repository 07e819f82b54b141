import { open, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Takes a file to the disk without holding anybody up. Has to be closed. */
export type Flush = { soon(): void; close(): Promise<void> };

/** Whoever writes to a file while it goes to the disk waits for that: it goes once for many. */
const WITHIN_MS = 1_000;

/**
 * Whoever asks while it is at work gets another turn after it. `failed` is called when the disk refuses; the next
 * commit that waits for the disk then fails, too.
 */
export function flushOf(path: string, failed: () => void): Flush {
  let isAsked = false;
  let running: Promise<void> | null = null;
  let file: FileHandle | null = null;
  const closing = new AbortController();
  const flush = async () => {
    while (isAsked) {
      await sleep(WITHIN_MS, null, { signal: closing.signal, ref: false }).catch(() => {});
      isAsked = false;
      file ??= await open(path, 'r+');
      await file.datasync();
    }
  };
  return {
    soon() {
      isAsked = true;
      running ??= flush()
        .catch(failed)
        .finally(() => void (running = null));
    },
    async close() {
      closing.abort();
      await running;
      await file?.close();
    },
  };
}
