import { writeAtomic } from '../base/atomic-file.ts';
import { parseJson } from '../base/json.ts';
import { readPrivate, type PrivateFileProblem } from '../base/private-file.ts';
import { generateKeys, keyPair, KeyStoreError, softwareKeys, type KeyStore } from './keys.ts';

const MAX_BYTES = 16_384;

/** Makes new keys in a file that its owner alone can read, replacing an older one. */
export async function createKeyFile(path: string): Promise<KeyStore> {
  const keys = await generateKeys();
  await writeAtomic(path, `${JSON.stringify(keys)}\n`, 0o600);
  return softwareKeys(keys, 'file');
}

/** Null when there is no such file. Throws `KeyStoreError` for one that others could have read or planted. */
export async function openKeyFile(path: string): Promise<KeyStore | null> {
  const text = await readKeyFile(path);
  if (text === null) return null;
  const keys = keyPair.safeParse(parseJson(text));
  if (!keys.success) {
    throw new KeyStoreError(
      `${path} does not hold the agent’s keys (damaged?). Restore it from a backup, or enrol again: ${ENROL}`,
    );
  }
  return softwareKeys(keys.data, 'file');
}

/** The text of a file that holds keys in one form or another; null when there is none. */
export async function readKeyFile(path: string): Promise<string | null> {
  const text = await readPrivate(path, MAX_BYTES);
  if (text.ok) return text.value;
  const { kind, detail } = text.error;
  if (kind === 'missing') return null;
  throw new KeyStoreError(`${path} ${detail}${ADVICE[kind]}`);
}

const ENROL = 'drawbridge enroll --again --server URL --token-stdin';

const ADVICE: Record<Exclude<PrivateFileProblem['kind'], 'missing'>, string> = {
  link: '; the keys have to lie in a file of their own. Remove the link.',
  denied: '. Run this as that user (for a service: as root).',
  'no-file': '. Remove it and enrol again.',
  'too-large': ' to hold keys. Remove it and enrol again.',
  foreign: ` who runs the agent. Run the agent as the file’s owner, or enrol again: ${ENROL}`,
  'open-to-others': `, so the keys may be known to them. Enrol again with new keys: ${ENROL}`,
  failed: '. Check the disk, or restore the file from a backup.',
};
