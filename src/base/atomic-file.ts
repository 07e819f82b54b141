import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, rename, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from './errors.ts';

/**
 * Replaces a file in one step and returns once it is on disk: temporary file beside it, fsync, rename, fsync of
 * the folder. A reader or a crash sees the old content or the new, never a half. `mode` is the file's permission.
 */
export async function writeAtomic(path: string, content: string | Uint8Array, mode = 0o600): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeNew(temporary, content, mode);
    await rename(temporary, path);
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
  const handle = await openFolder(folder);
  try {
    await handle?.sync();
  } finally {
    await handle?.close();
  }
}

/** Null where folders cannot be opened (Windows, whose file system journals renames by itself). */
async function openFolder(folder: string): Promise<FileHandle | null> {
  try {
    return await open(folder, constants.O_RDONLY);
  } catch (error) {
    if (['EISDIR', 'EPERM'].includes(codeOf(error))) return null;
    throw error;
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
  const handle = await open(path, flags, mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
