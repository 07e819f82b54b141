import { constants, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { codeOf, messageOf } from './errors.ts';
import { isMissing } from './atomic-file.ts';
import { err, ok, type Result } from './result.ts';

/** Why a file with secrets in it is not to be used; `detail` completes "<path> …". */
export type PrivateFileProblem = {
  kind: 'missing' | 'link' | 'denied' | 'no-file' | 'too-large' | 'foreign' | 'open-to-others' | 'failed';
  detail: string;
};

/** Windows has no user ids and no permission bits: there the folder's access list guards the file. */
const OWN_UID = process.getuid?.();

/** Reads a file that only its owner can read and nobody else can have planted; everything else is refused. */
export function readPrivate(path: string, maxBytes: number): Promise<Result<string, PrivateFileProblem>> {
  return readOwn(path, maxBytes, 0o077);
}

/** The same for a file that is no secret: others may read it, but none of them can have written it. */
export function readUnchanged(path: string, maxBytes: number): Promise<Result<string, PrivateFileProblem>> {
  return readOwn(path, maxBytes, 0o022);
}

/** `refused` are the permission bits that it must not have. */
async function readOwn(
  path: string,
  maxBytes: number,
  refused: number,
): Promise<Result<string, PrivateFileProblem>> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    return err(openingProblem(error));
  }
  try {
    const problem = problemOf(await handle.stat(), maxBytes, refused);
    return problem === null ? ok(await handle.readFile('utf8')) : err(problem);
  } finally {
    await handle.close();
  }
}

function openingProblem(error: unknown): PrivateFileProblem {
  if (isMissing(error)) return { kind: 'missing', detail: 'is not there' };
  const code = codeOf(error);
  if (code === 'ELOOP') return { kind: 'link', detail: 'is a symbolic link' };
  if (code === 'EACCES') return { kind: 'denied', detail: 'belongs to another user' };
  return {
    kind: 'failed',
    detail: `cannot be read (${messageOf(error)})`,
  };
}

function problemOf(stats: Stats, maxBytes: number, refused: number): PrivateFileProblem | null {
  if (!stats.isFile()) return { kind: 'no-file', detail: 'is not a regular file' };
  if (stats.size > maxBytes)
    return { kind: 'too-large', detail: `is too large (more than ${maxBytes} bytes)` };
  if (OWN_UID === undefined) return null;
  if (stats.uid !== OWN_UID)
    return { kind: 'foreign', detail: `belongs to user id ${stats.uid}, not to ${OWN_UID}` };
  if ((stats.mode & refused) === 0) return null;
  const verb = refused === 0o022 ? 'written' : 'read';
  return {
    kind: 'open-to-others',
    detail: `can be ${verb} by others (mode ${(stats.mode & 0o777).toString(8)})`,
  };
}
