import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { err, type Result } from '../base/result.ts';
import { showProblems } from '../base/settings.ts';
import { parsePolicy } from '../policy/policy-text.ts';
import type { Policy } from '../policy/policy.ts';

/** Reads a policy file. The error names every problem with its place, for a person. */
export async function readPolicy(file: string): Promise<Result<Policy, string>> {
  try {
    const parsed = parsePolicy(await readFile(file, 'utf8'));
    return parsed.ok ? parsed : err(showProblems(file, parsed.error));
  } catch (error) {
    return err(`${file}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
}

export type PolicyWatch = {
  file: string;
  clock: Clock;
  log: Logger;
  /** Puts a policy in force; rejects when that cannot be stored. */
  replace(policy: Policy): Promise<void>;
};

const LOOK_MS = 2_000;

/**
 * Puts a changed policy file in force until `signal` aborts. One that cannot be read is told to the log, and the
 * last good one stays. Looking at the file's time works where file events do not (bind mounts, network folders).
 */
export async function watchPolicy(watch: PolicyWatch, signal: AbortSignal): Promise<void> {
  let seen = await stamp(watch.file);
  while (!signal.aborted) {
    await watch.clock.sleep(LOOK_MS, signal).catch(() => {});
    const now = await stamp(watch.file);
    if (signal.aborted || now === seen) continue;
    if (await reloadPolicy(watch)) seen = now;
  }
}

/** Reads the policy file anew; false when what it says could not be stored and has to be tried again. */
export async function reloadPolicy({ file, log, replace }: PolicyWatch): Promise<boolean> {
  const read = await readPolicy(file);
  if (!read.ok) {
    log.error({ problem: read.error }, 'policy file is wrong; the last good policy stays in force');
    return true;
  }
  try {
    await replace(read.value);
    log.info({ policy: read.value.name }, 'policy in force');
    return true;
  } catch (error) {
    log.error({ err: error }, 'policy could not be stored');
    return false;
  }
}

async function stamp(file: string): Promise<string> {
  return stat(file).then(
    ({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`,
    () => 'missing',
  );
}
