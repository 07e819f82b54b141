import { createKeyFile, openKeyFile } from './key-file.ts';
import { createKeyring, openKeyring } from './key-keyring.ts';
import { KeyStoreError, type KeyStore } from './keys.ts';

export type KeyStoreKind = 'file' | 'keyring';

export type KeyChoice = {
  wanted: 'auto' | KeyStoreKind;
  file: string;
  /** A daemon never has a keyring, even where one happens to answer: it would be that of whoever started it. */
  isRoot: boolean;
  /** Whether this session has a message bus, without which there is no secret service to ask. */
  hasSession: boolean;
};

/** Makes new keys in the best store that works here. Throws `KeyStoreError` when a store asked for by name does not. */
export async function createKeys(choice: KeyChoice): Promise<{ kind: KeyStoreKind; keys: KeyStore }> {
  if (choice.wanted === 'keyring' && choice.isRoot) {
    throw new KeyStoreError(
      'A service has no session keyring; its content would be gone with the next restart. Set keyStore: file.',
    );
  }
  if (choice.wanted === 'keyring') return { kind: 'keyring', keys: await createKeyring(nameOf(choice.file)) };
  if (choice.wanted === 'auto' && choice.hasSession && !choice.isRoot) {
    const keys = await createKeyring(nameOf(choice.file)).catch(() => null);
    if (keys !== null) return { kind: 'keyring', keys };
  }
  return { kind: 'file', keys: await createKeyFile(choice.file) };
}

/** Opens the keys where they were made. Null when they are not there. */
export function openKeys(kind: KeyStoreKind, file: string): Promise<KeyStore | null> {
  return kind === 'file' ? openKeyFile(file) : openKeyring(nameOf(file));
}

function nameOf(file: string): string {
  return `agent ${file}`;
}
