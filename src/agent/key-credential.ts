import { writeAtomic } from '../base/atomic-file.ts';
import { systemdCreds } from '../base/commands.ts';
import { run, type Output } from '../base/exec.ts';
import { parseJson } from '../base/json.ts';
import { readKeyFile } from './key-file.ts';
import { generateKeys, keyPair, KeyStoreError, softwareKeys, type KeyStore } from './keys.ts';

/*
 * Keys encrypted by systemd-creds with a key of this computer (`/var/lib/systemd/credential.secret`, for root alone): a
 * copied state folder or its backup is worth nothing elsewhere. Whoever has the whole disk has both.
 */

/** Part of what is encrypted: a credential made for something else is refused. */
const NAME = '--name=drawbridge-keys';

/** Makes new keys. They go to the tool and come back through pipes, and lie on disk encrypted only. */
export async function createCredential(path: string): Promise<KeyStore> {
  const keys = await generateKeys();
  const argv = ['encrypt', '--with-key=host', NAME, '-', '-'];
  const output = await run(systemdCreds, argv, { stdin: JSON.stringify(keys) });
  if (output.code !== 0 || output.stdout === '')
    throw new KeyStoreError(
      `systemd-creds cannot encrypt the keys (${reasonOf(output)}). It needs root and systemd 250 or newer; or set keyStore: file.`,
    );
  await writeAtomic(path, output.stdout, 0o600);
  return softwareKeys(keys, 'os-keystore');
}

/** Null when there are none. Throws `KeyStoreError` for keys of another computer. */
export async function openCredential(path: string): Promise<KeyStore | null> {
  const text = await readKeyFile(path);
  if (text === null) return null;
  const output = await run(systemdCreds, ['decrypt', NAME, '-', '-'], { stdin: text });
  const keys = keyPair.safeParse(parseJson(output.stdout));
  if (output.code === 0 && keys.success) return softwareKeys(keys.data, 'os-keystore');
  throw new KeyStoreError(
    `${path} cannot be decrypted here (${reasonOf(output)}): the state folder was copied from another computer, ` +
      'or this one’s credential.secret is gone. Restore both, or enrol again: ' +
      'drawbridge enroll --again --server URL --token-stdin',
  );
}

function reasonOf({ failure, stderr }: Output): string {
  return failure ?? (stderr.trim().split('\n')[0] || 'no reason given').slice(0, 200);
}
