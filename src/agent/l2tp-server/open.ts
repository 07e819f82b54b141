import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Host, Platform } from '../../../collectors/check.ts';
import type { Clock } from '../../base/clock.ts';
import { noFailpoints, type Failpoints } from '../../base/failpoint.ts';
import type { Logger } from '../../base/log.ts';
import { takeLock } from '../lock.ts';
import type { L2tpServerControl } from './control.ts';
import { linuxL2tpServer } from './linux.ts';
import { answersHere, worksHere } from './prove.ts';
import { closingFile } from './record.ts';

export type ControlParts = {
  host: Host;
  stateDir: string;
  clock: Clock;
  log: Logger;
  /** What has to stay reachable; null where nothing is known. */
  server(): Promise<URL | null>;
  failpoints?: Failpoints;
};

/** Null on systems where nothing is closed by us. */
export function openL2tpServer(platform: Platform, parts: ControlParts): L2tpServerControl | null {
  if (platform !== 'linux') return null;
  const { host, clock, log, stateDir, server, failpoints = noFailpoints } = parts;
  const control = linuxL2tpServer({
    host,
    clock,
    log,
    failpoints,
    signal: (pid, signal) => void process.kill(pid, signal),
    file: closingFile(stateDir, log),
    answers: () => answersHere(clock),
    works: async () => worksHere(await server()),
  });
  return exclusive(control, stateDir);
}

/** The agent and a person at the computer do not change it at the same time. */
function exclusive(control: L2tpServerControl, stateDir: string): L2tpServerControl {
  const alone = async <T>(action: () => Promise<T>): Promise<T> => {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    const unlock = await takeLock(join(stateDir, 'l2tp-server.lock'));
    try {
      return await action();
    } finally {
      await unlock();
    }
  };
  return {
    status: () => control.status(),
    held: () => control.held(),
    close: (wish) => alone(() => control.close(wish)),
    reopen: () => alone(() => control.reopen()),
    recover: () => alone(() => control.recover()),
  };
}
