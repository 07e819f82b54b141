import type { AsyncEntry } from '@napi-rs/keyring';
import { messageOf } from '../base/errors.ts';
import { isPackaged } from '../base/assets.ts';
import { loadNative } from '../base/native.ts';
import { generateKeys, keyPair, KeyStoreError, softwareKeys, type KeyStore } from './keys.ts';

/**
 * The keyring of a user's own session. The store is pinned: without it the library falls back to the kernel's
 * keyutils on Linux, whose content is gone with the session.
 */
const PINNED = { linux: { store: 'secret-service' } } as const;

/** Long enough for a slow keyring, short enough for one that waits for a password that nobody will type. */
const WITHIN_MS = 10_000;

/** `name` keeps the keys of several state folders of one user apart. Replaces what was kept under it. */
export async function createKeyring(name: string): Promise<KeyStore> {
  const keys = await generateKeys();
  await ask((entry, signal) => entry.setPassword(JSON.stringify(keys), signal), name);
  return softwareKeys(keys, 'os-keystore');
}

/** Null when the keyring holds nothing under `name`. Throws `KeyStoreError` when it does not answer. */
export async function openKeyring(name: string): Promise<KeyStore | null> {
  const text = await ask((entry, signal) => entry.getPassword(signal), name);
  if (text === null || text === undefined) return null;
  const keys = keyPair.safeParse(JSON.parse(text));
  if (!keys.success)
    throw new KeyStoreError('The keyring’s entry “drawbridge” is damaged. Remove it and enrol again.');
  return softwareKeys(keys.data, 'os-keystore');
}

async function ask<T>(
  question: (entry: AsyncEntry, signal: AbortSignal) => Promise<T>,
  name: string,
): Promise<T> {
  try {
    const { AsyncEntry } = await library();
    return await question(new AsyncEntry('drawbridge', name, PINNED), AbortSignal.timeout(WITHIN_MS));
  } catch (error) {
    const detail = messageOf(error);
    throw new KeyStoreError(
      `The session’s keyring does not answer (${detail}). Unlock it, or set keyStore: file in the settings.`,
    );
  }
}

type Library = { AsyncEntry: typeof AsyncEntry };

async function library(): Promise<Library> {
  // The package's own loader looks for the file in node_modules; the file itself exports the same.
  return isPackaged ? (loadNative('keyring.node') as Library) : import('@napi-rs/keyring');
}
