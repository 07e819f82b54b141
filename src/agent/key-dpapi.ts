import { z } from 'zod';
import { writeAtomic } from '../base/atomic-file.ts';
import { messageOf } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { DpapiError, protect, unprotect } from './dpapi.ts';
import { readKeyFile } from './key-file.ts';
import { generateKeys, keyPair, KeyStoreError, softwareKeys, type KeyStore } from './keys.ts';
import { ownAccount } from './windows-account.ts';

/*
 * Keys encrypted by Windows for the account of the agent: a copied state folder or its backup is worth nothing on
 * another computer, or to another account on this one. Whoever has the whole disk, or is administrator, has both.
 */

const kept = z.strictObject({
  dpapi: z.literal(1),
  /** The SID of who can use them: somebody else is told so, and not that they are damaged. */
  account: z.string().regex(/^S-1-[0-9-]{1,180}$/),
  keys: z.base64().max(8_192),
});

/** Makes new keys, which lie on disk encrypted only. */
export async function createDpapiKeys(path: string): Promise<KeyStore> {
  const keys = await generateKeys();
  try {
    const encrypted = await protect(Buffer.from(JSON.stringify(keys)));
    const content = { dpapi: 1, account: await ownAccount(), keys: encrypted.toString('base64') };
    if (parsePair(await unprotect(encrypted)) === null) throw new Error('it gives back something else');
    await writeAtomic(path, `${JSON.stringify(content)}\n`, 0o600);
  } catch (error) {
    throw new KeyStoreError(
      `Windows’ data protection does not take the keys (${messageOf(error)}). Repair this account’s profile, or set keyStore: file.`,
    );
  }
  return softwareKeys(keys, 'os-keystore');
}

/** Null when there are none. Throws `KeyStoreError` for keys of another computer or account. */
export async function openDpapiKeys(path: string): Promise<KeyStore | null> {
  const text = await readKeyFile(path);
  if (text === null) return null;
  const content = kept.safeParse(parseJson(text));
  if (!content.success)
    throw new KeyStoreError(`${path} does not hold the agent’s keys (damaged?). ${RESTORE}`);
  const { account, keys } = content.data;
  const me = await ownAccount();
  if (me !== account)
    throw new KeyStoreError(
      `The keys in ${path} are those of the account ${account}, and this is ${me}: no other can use them. ` +
        'Run this as that account (S-1-5-18 is LocalSystem, as which the service runs).',
    );
  const pair = parsePair(await opened(path, keys));
  if (pair === null) throw new KeyStoreError(`${path} does not hold the agent’s keys (damaged?). ${RESTORE}`);
  return softwareKeys(pair, 'os-keystore');
}

async function opened(path: string, keys: string): Promise<Buffer> {
  try {
    return await unprotect(Buffer.from(keys, 'base64'));
  } catch (error) {
    if (!(error instanceof DpapiError)) throw error;
    throw new KeyStoreError(
      `${path} cannot be decrypted here (${error.message}): the state folder was copied from another computer, ` +
        `or Windows was installed anew. ${RESTORE}`,
    );
  }
}

function parsePair(bytes: Buffer): z.infer<typeof keyPair> | null {
  return keyPair.safeParse(parseJson(bytes.toString('utf8'))).data ?? null;
}

const RESTORE =
  'Restore it from a backup of this computer, or enrol again: drawbridge enroll --again --server URL --token-stdin';
