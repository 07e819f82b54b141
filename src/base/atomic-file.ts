import { randomBytes } from 'node:crypto';
import { closeSync, constants, fsync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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
  const temporary = temporaryFor(path);
  try {
    await writeNew(temporary, content, mode);
    renameSync(temporary, path);
  } catch (error) {
    discard(temporary);
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Replaces a file in one step as `writeAtomic` does, and leaves it to the system when it is on disk: for what is only true
 * while the program runs. After a power cut it may be the old content, or empty.
 */
export function replaceSoon(path: string, content: string | Uint8Array, mode = 0o600): void {
  const temporary = temporaryFor(path);
  try {
    writeFileSync(temporary, content, { mode, flag: NEW });
    renameSync(temporary, path);
  } catch (error) {
    discard(temporary);
    throw error;
  }
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

/** `force` forgives only a file that is not there, not a folder that may not be entered or is none. */
function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Then there is nothing that we could have left behind.
  }
}

/** Fails where there is anything of that name, a link too. */
const NEW = 'wx';

/** A name beside it that nobody knows; `removeLeftovers` knows its form. */
export function temporaryFor(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
}

async function writeNew(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  const descriptor = openSync(path, NEW, mode);
  try {
    writeFileSync(descriptor, content);
    await flush(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
