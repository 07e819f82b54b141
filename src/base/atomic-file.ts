import { randomBytes } from 'node:crypto';
import { closeSync, constants, fsync, openSync, renameSync, writeFileSync } from 'node:fs';
import { readdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf } from './errors.ts';

/** The only step that waits for the disk. The others are over sooner than another thread of a busy computer begins them. */
const flush = promisify(fsync);

/**
 * Replaces a file in one step and returns once it is on disk: temporary file beside it, fsync, rename, fsync of
 * the folder. A reader or a crash sees the old content or the new, never a half. `mode` is the file's permission.
 */
export async function writeAtomic(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeNew(temporary, content, mode);
    renameSync(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
}

/** Removes a file and returns once the removal is on disk. A file that is not there is fine. */
export async function removeDurably(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Makes the folder's own entries durable (creations, renames, removals). */
export async function syncFolder(folder: string): Promise<void> {
  const descriptor = openSync(folder, constants.O_RDONLY);
  try {
    await flush(descriptor);
  } catch (error) {
    // Windows opens a folder but flushes none that was opened for reading; its file system journals renames by itself.
    if (codeOf(error) !== 'EPERM') throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** Deletes temporary files that a crash left behind in `folder`. */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder);
  const left = names.filter((name) => /^\..+\.[0-9a-f]{12}\.tmp$/.test(name));
  await Promise.all(left.map((name) => unlink(join(folder, name))));
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

async function writeNew(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
  const descriptor = openSync(path, flags, mode);
  try {
    writeFileSync(descriptor, content);
    await flush(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
