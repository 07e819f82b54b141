import { homedir } from 'node:os';
import type { z } from 'zod';
import type { AgentSelf, Platform, Questions } from '../../collectors/check.ts';
import type { Readers, Readings } from '../../collectors/specs.ts';
import { cacheFolderFor } from '../agent/cache-folder.ts';
import { loadHosts } from '../agent/open-host.ts';
import { statePaths } from '../agent/paths.ts';
import { loadReaders } from '../agent/readers.ts';
import { collectReadings, DEADLINE_MS } from '../agent/report.ts';
import { peek } from '../agent/state-file.ts';
import { statusSchema } from '../agent/status.ts';
import { productVersion } from '../base/version.ts';
import { iso, systemClock } from '../base/clock.ts';
import type { Settings } from './agent-settings.ts';

/**
 * Reads this computer as the agent does, once, with what a policy asks beyond the checks. `through` may put something
 * between the readers and the system.
 */
export async function readNow(
  { stateDir, platform, config }: Settings,
  questions: (platform: Platform) => Questions,
  through: (readers: Readers) => Readers = (readers) => readers,
): Promise<Readings> {
  const cacheFolder = await cacheFolderFor(stateDir, {
    platform,
    isRoot: process.getuid?.() === 0,
    home: homedir(),
    cacheHome: process.env.XDG_CACHE_HOME,
  });
  const self = await selfFrom(statePaths(stateDir).status);
  const readers = through(await loadReaders(platform));
  const everyMs = config.collect.updatesEverySeconds * 1_000;
  const openCycle = (await loadHosts(platform))({
    self: () => self,
    questions,
    cacheFolder,
    clock: systemClock,
    updates: { everyMs, atStartMs: everyMs, patience: 'wait' },
  });
  // What still runs for a check that is out of time would keep this process alive.
  const control = new AbortController();
  try {
    const cycle = openCycle('full', control.signal);
    return await collectReadings({ readers, clock: systemClock, deadlineMs: DEADLINE_MS, ...cycle });
  } finally {
    control.abort();
  }
}

/** What the running agent says of itself; without one, what can be said without it. */
async function selfFrom(statusFile: string): Promise<AgentSelf> {
  const status = await readKnown(statusFile, statusSchema);
  return {
    version: status?.version ?? productVersion(),
    startedAt: status?.startedAt ?? iso(Date.now()),
    keyProtection: status?.keyProtection ?? null,
    integrity: null,
    spoolDropped: status?.spool.dropped ?? 0,
    crashes: status?.crashes ?? 0,
    managed: status?.managed?.settings ?? [],
  };
}

/** A state file's content, or null where there is none that this user may read. */
export async function readKnown<S extends z.ZodType>(
  path: string,
  schema: () => S,
): Promise<z.output<S> | null> {
  const content = await peek(path, schema).catch(() => null);
  return content?.state === 'present' ? content.value : null;
}
