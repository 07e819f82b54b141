import { lstat, mkdir, stat } from 'node:fs/promises';
import { messageOf } from '../base/errors.ts';
import { isPackaged } from '../base/assets.ts';
import { foreignHand } from './trusted-path.ts';

/** The state folder cannot be used as it is. The message is for a person. */
export class StateFolderError extends Error {
  override name = 'StateFolderError';
}

/** Whether this is an installed service: what it works with may then be root's alone, whatever lies above it. */
export const isService = isPackaged && process.getuid?.() === 0;

/** Makes the state folder, or refuses one into which others could put files. */
export async function prepareStateFolder(path: string, strict = isService): Promise<void> {
  if (strict) await refuseForeign(path);
  try {
    // Others may enter and read the status file; everything else in it is for its owner alone.
    await mkdir(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    const detail = messageOf(error);
    throw new StateFolderError(
      `The state folder cannot be made (${detail}). Run as root, or set stateDir to a folder of yours.`,
    );
  }
  const problem = await stateFolderProblem(path);
  if (problem !== null) throw new StateFolderError(problem);
}

/** Before anything is made there: what others can turn is not even touched. */
async function refuseForeign(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null);
  if (found?.isSymbolicLink() === true)
    throw new StateFolderError(`${path} is a link. Remove it, or set stateDir to the folder itself.`);
  const problem = await foreignHand(path);
  if (problem !== null) throw new StateFolderError(problem);
}

/** A sentence about what is wrong with the folder's rights, or null. */
export async function stateFolderProblem(path: string): Promise<string | null> {
  const found = await stat(path);
  if (!found.isDirectory()) return `${path} is not a folder: set stateDir to a folder of the agent’s own.`;
  const { uid, mode } = found;
  const own = process.getuid?.();
  if (own === undefined) return null;
  if (uid !== own)
    return `${path} belongs to user id ${uid}, not to ${own} who runs the agent. Run this as its owner (root for a service), or set stateDir to a folder of yours.`;
  return (mode & 0o022) === 0
    ? null
    : `Others can write to ${path}: chmod go-w ${path}, and look whether anything in it is not yours.`;
}
