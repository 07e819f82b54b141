import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
  type Stats,
} from 'node:fs';
import { open, readdir, readlink, stat, type FileHandle } from 'node:fs/promises';
import { codeOf } from '../base/errors.ts';
import type { FileProblem, FileStatus } from '../../collectors/check.ts';
import { err, ok, type Result } from '../base/result.ts';

export const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** Without O_NONBLOCK, opening a FIFO that somebody planted would wait for a writer for ever. */
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** The kernel's own files live in memory: reading them synchronously costs a tenth of a trip through the thread pool. */
const IN_MEMORY = /^\/(?:proc|sys)(?:\/|$)/;

/** A whole regular file, at most 4 MiB. Symbolic links are followed; devices, sockets and FIFOs are `failed`. */
export async function readWhole(path: string): Promise<Result<Uint8Array, FileProblem>> {
  try {
    return IN_MEMORY.test(path) ? readInMemory(path) : await readOnDisk(path);
  } catch (error) {
    return err(problemOf(error));
  }
}

/** Names in a folder, sorted by code unit. */
export async function listFolder(path: string): Promise<Result<string[], FileProblem>> {
  return attempt(async () => (IN_MEMORY.test(path) ? readdirSync(path) : await readdir(path)).toSorted());
}

export async function readTarget(path: string): Promise<Result<string, FileProblem>> {
  return attempt(() => readlink(path));
}

/** What a path is, symbolic links followed. A dangling link is `missing`. */
export async function statusOf(path: string): Promise<Result<FileStatus, FileProblem>> {
  return attempt(async () => describe(IN_MEMORY.test(path) ? statSync(path) : await stat(path)));
}

async function attempt<T>(action: () => Promise<T>): Promise<Result<T, FileProblem>> {
  try {
    return ok(await action());
  } catch (error) {
    return err(problemOf(error));
  }
}

function describe(stats: Stats): FileStatus {
  return {
    modifiedMs: stats.mtimeMs,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    kind: stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other',
    size: stats.size,
    inode: stats.ino,
  };
}

const MIN_CHUNK_BYTES = 512;

async function readOnDisk(path: string): Promise<Result<Uint8Array, FileProblem>> {
  const handle = await open(path, READ_FLAGS);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) return err('failed');
    return stats.size > MAX_FILE_BYTES ? err('too-large') : await drain(handle, stats.size);
  } finally {
    await handle.close();
  }
}

/** Reads to the end, not to the stated size: the file may grow while it is read. */
async function drain(handle: FileHandle, expected: number): Promise<Result<Uint8Array, FileProblem>> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const { bytesRead, buffer } = await handle.read(
      Buffer.allocUnsafe(Math.max(expected - total + 1, MIN_CHUNK_BYTES)),
    );
    if (bytesRead === 0) return ok(Buffer.concat(chunks, total));
    total += bytesRead;
    if (total > MAX_FILE_BYTES) return err('too-large');
    chunks.push(buffer.subarray(0, bytesRead));
  }
}

/** Files of procfs and sysfs state a size of 0 or 4096 whatever they hold. */
function readInMemory(path: string): Result<Uint8Array, FileProblem> {
  const descriptor = openSync(path, READ_FLAGS);
  try {
    return fstatSync(descriptor).isFile() ? drainInMemory(descriptor) : err('failed');
  } finally {
    closeSync(descriptor);
  }
}

const CHUNK_BYTES = 64 * 1024;

function drainInMemory(descriptor: number): Result<Uint8Array, FileProblem> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const bytes = readSync(descriptor, chunk);
    if (bytes === 0) return ok(Buffer.concat(chunks, total));
    total += bytes;
    if (total > MAX_FILE_BYTES) return err('too-large');
    chunks.push(chunk.subarray(0, bytes));
  }
}

/** ESRCH: the process behind a file in /proc has ended in between. */
const MISSING = new Set(['ENOENT', 'ENOTDIR', 'ESRCH']);
const DENIED = new Set(['EACCES', 'EPERM']);

function problemOf(error: unknown): FileProblem {
  const code = codeOf(error);
  if (MISSING.has(code)) return 'missing';
  return DENIED.has(code) ? 'denied' : 'failed';
}
