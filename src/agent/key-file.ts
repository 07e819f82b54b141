import { constants, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { isMissing, writeAtomic } from '../base/atomic-file.ts';
import { parseJson } from '../base/json.ts';
import { generateKeys, keyPair, KeyStoreError, softwareKeys, type KeyStore } from './keys.ts';

/** Windows has no user ids and no permission bits: there the folder's access list guards the file. */
const OWN_UID = process.getuid?.();

const MAX_BYTES = 4_096;

/** Makes new keys in a file that its owner alone can read, replacing an older one. */
export async function createKeyFile(path: string): Promise<KeyStore> {
  const keys = await generateKeys();
  await writeAtomic(path, `${JSON.stringify(keys)}\n`, 0o600);
  return softwareKeys(keys, 'file');
}

/** Null when there is no such file. Throws `KeyStoreError` for one that others could have read or planted. */
export async function openKeyFile(path: string): Promise<KeyStore | null> {
  const text = await readGuarded(path);
  if (text === null) return null;
  const keys = keyPair.safeParse(parseJson(text));
  if (!keys.success) {
    throw new KeyStoreError(
      `${path} does not hold the agent’s keys (damaged?). Restore it from a backup, or enrol again: drawbridge enroll --again --server URL --token-stdin`,
    );
  }
  return softwareKeys(keys.data, 'file');
}

async function readGuarded(path: string): Promise<string | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (isMissing(error)) return null;
    throw new KeyStoreError(openingProblem(path, error));
  }
  try {
    const problem = problemOf(path, await handle.stat());
    if (problem !== null) throw new KeyStoreError(problem);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

function openingProblem(path: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'ELOOP')
    return `${path} is a symbolic link; the keys have to lie in a file of their own. Remove the link.`;
  if (code === 'EACCES')
    return `${path} belongs to another user. Run this as that user (for a service: as root).`;
  return `${path} cannot be read: ${error instanceof Error ? error.message : 'unknown error'}`;
}

function problemOf(path: string, stats: Stats): string | null {
  if (!stats.isFile()) return `${path} is not a regular file. Remove it and enrol again.`;
  if (stats.size > MAX_BYTES) return `${path} is too large to hold keys. Remove it and enrol again.`;
  if (OWN_UID === undefined) return null;
  if (stats.uid !== OWN_UID) {
    return `${path} belongs to user id ${stats.uid}, not to ${OWN_UID} who runs the agent. Run the agent as the file’s owner, or enrol again: drawbridge enroll --again --server URL --token-stdin`;
  }
  if ((stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8);
    return `${path} can be read by others (mode ${mode}), so the keys may be known to them. Enrol again with new keys: drawbridge enroll --again --server URL --token-stdin`;
  }
  return null;
}
