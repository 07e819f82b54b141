import { link, readFile, unlink, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { temporaryFor } from '../base/atomic-file.ts';
import { codeOf } from '../base/errors.ts';
import { systemClock } from '../base/clock.ts';
import { parseJson } from '../base/json.ts';

const holder = z.object({
  pid: z.number().int().positive(),
  /** When the process started, as the system counts it: a pid alone may be another program by now. */
  started: z.string().nullable(),
});

type Holder = z.infer<typeof holder>;

/** Another agent works on this state folder. */
export class LockedError extends Error {
  override name = 'LockedError';
  readonly pid: number;

  constructor(path: string, pid: number) {
    super(`Another agent (process ${pid}) works on this state folder (${path}). Stop it first.`);
    this.pid = pid;
  }
}

/** Takes the lock, also over from a process that is gone. Throws `LockedError`; returns the way to give it back. */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  // Named like every temporary file of ours, so that one left behind is found and removed.
  const own = temporaryFor(path);
  const me: Holder = { pid: process.pid, started: await startOf(process.pid) };
  await writeFile(own, JSON.stringify(me), { mode: 0o644, flag: 'wx' });
  try {
    await claim(own, path);
  } finally {
    await unlink(own).catch(() => {});
  }
  return () => unlink(path).catch(() => {});
}

/** The process that holds the lock, or null when none that is alive does. */
export async function lockHolder(path: string): Promise<number | null> {
  const found = await readHolder(path);
  return found !== null && (await isAlive(found)) ? found.pid : null;
}

const ATTEMPTS = 50;
const PAUSE_MS = 20;

/** A hard link is made in one step or not at all, and its content is complete from the start. */
async function claim(own: string, path: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (await linked(own, path)) return;
    const pid = await lockHolder(path);
    if (pid !== null) throw new LockedError(path, pid);
    if (!(await removeStale(own, path))) await systemClock.sleep(PAUSE_MS);
  }
  throw new Error(`${path} cannot be taken; another agent may be starting`);
}

/**
 * Removes a lock whose holder is gone; false when somebody else is about to. One at a time, and looked at again
 * once it is our turn: otherwise the slower of two would remove what the faster has just taken.
 */
async function removeStale(own: string, path: string): Promise<boolean> {
  const turn = `${path}.takeover`;
  if (!(await linked(own, turn))) {
    if ((await lockHolder(turn)) === null) await unlink(turn).catch(() => {});
    return false;
  }
  try {
    if ((await lockHolder(path)) === null) await unlink(path).catch(() => {});
    return true;
  } finally {
    await unlink(turn).catch(() => {});
  }
}

/** False when there is a file of that name already. */
async function linked(own: string, path: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<Holder | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const found = holder.safeParse(parseJson(text));
  return found.success ? found.data : null;
}

async function isAlive({ pid, started }: Holder): Promise<boolean> {
  if (!exists(pid)) return false;
  const now = await startOf(pid);
  return started === null || now === null || started === now;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is a process too.
    return codeOf(error) === 'EPERM';
  }
}

/** Start time in clock ticks since boot, field 22 of proc(5)'s stat; null where there is no such file. */
async function startOf(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The second field is the program's name in parentheses and may hold anything, so count from behind it.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}
