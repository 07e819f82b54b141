import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** How long the disk needs for one small durable write, which a decision that is on record cannot do without; ms. */
export function bareSyncs(folder: string, count: number): number[] {
  const file = openSync(join(folder, 'sync-probe'), 'w');
  const times = Array.from({ length: count }, () => {
    const started = performance.now();
    writeSync(file, Buffer.alloc(4_096));
    fsyncSync(file);
    return performance.now() - started;
  });
  closeSync(file);
  return times;
}
