import { lstat, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMissing } from '../base/atomic-file.ts';

/**
 * Why somebody else than root decides what a path of an installed service leads to: a sentence, or null. Looks at every
 * folder above it, by the names given and by where they lead to; what is not there yet is nobody's. Asks no rights of
 * systems without user ids, where the installer sets access lists.
 */
export async function foreignHand(path: string, own = process.getuid?.()): Promise<string | null> {
  if (own === undefined) return null;
  const names = [...above(path), ...above(await realpath(path).catch(() => path))];
  for (const name of new Set(names)) {
    const problem = await problemOf(name, own);
    if (problem !== null) return problem;
  }
  return null;
}

/** The path itself and every folder above it, the root first. */
function above(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...above(parent), path];
}

async function problemOf(name: string, own: number): Promise<string | null> {
  try {
    const found = await lstat(name);
    if (found.uid !== 0 && found.uid !== own)
      return `${name} belongs to user id ${found.uid}, who then decides what this service does: chown root ${name}`;
    if (found.isSymbolicLink()) return null;
    // In a folder with the sticky bit, such as /tmp, nobody renames or removes what belongs to another.
    const shared = (found.mode & 0o022) !== 0 && (found.mode & 0o1000) === 0;
    return shared ? `Others can write to ${name}: chmod go-w ${name}` : null;
  } catch (error) {
    return isMissing(error) ? null : `${name} cannot be looked at`;
  }
}
