import { appendFileSync } from 'node:fs';
import { createHost } from '../../src/agent/host.ts';
import { noFailpoints, type Failpoints } from '../../src/base/failpoint.ts';

// What the programs have in common that tests put into the guest.

const self = {
  version: 'test',
  startedAt: new Date().toISOString(),
  keyProtection: null,
  integrity: null,
  spoolDropped: 0,
  crashes: 0,
  managed: [],
};

/** The node that the program runs on. */
export function thisNode() {
  return createHost({ self: () => self, questions: { watch: [], tags: {} } });
}

/**
 * Kills the program at the place of this number, 0: nowhere. Every place that is reached is written to `points` in the
 * folder.
 */
export function dyingAt(number: number, folder: string): Failpoints {
  if (number === 0) return noFailpoints;
  let count = 0;
  return {
    async reach(point) {
      count += 1;
      appendFileSync(`${folder}/points`, `${count} ${point}\n`);
      if (count === number) process.kill(process.pid, 'SIGKILL');
    },
  };
}
