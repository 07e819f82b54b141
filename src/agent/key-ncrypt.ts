import {
  createHash,
  diffieHellman,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  verify,
} from 'node:crypto';
import { rm } from 'node:fs/promises';
import { z } from 'zod';
import { writeAtomic } from '../base/atomic-file.ts';
import { parseJson } from '../base/json.ts';
import { publicJwk, type PublicJwk } from '../wire/envelope.ts';
import { generateJwk, privateJwk, publicPart, type PrivateJwk } from '../wire/software-key.ts';
import { softwareVpnKey } from './certificate/vpn-key.ts';
import { protect, unprotect } from './dpapi.ts';
import { readKeyFile } from './key-file.ts';
import { agreeBy, KeyStoreError, type KeyStore } from './keys.ts';
import { agreeWith, createKey, deleteKey, NCryptError, signDigest, type KeyProvider } from './ncrypt.ts';
import { parsePublicBlob, parseRawSecret, parseSignature, peerBlob } from './ncrypt-structures.ts';

/*
 * The report key is made in the TPM by Windows' platform provider and never leaves it. So is the encryption key where
 * the provider hands out what is agreed on as it is, which JWE needs; where it does not, that key is encrypted by data
 * protection, and `tpm` is said of the key that signs.
 */

const PLATFORM: KeyProvider = 'Microsoft Platform Crypto Provider';

const inChip = z.strictObject({ name: z.string().regex(/^drawbridge-[0-9a-f-]{36}$/), jwk: publicJwk });
const encrypted = z.strictObject({ dpapi: z.base64().max(4_096), jwk: publicJwk });
const kept = z.strictObject({
  ncrypt: z.literal(1),
  report: inChip,
  encryption: z.union([inChip, encrypted]),
});

type InChip = z.infer<typeof inChip>;
type Kept = z.infer<typeof kept>;

/** Makes new keys in the TPM, in the place of those that are there. Throws `NCryptError` where it cannot. */
export async function createNCryptKeys(path: string): Promise<KeyStore> {
  const before = await read(path).catch(() => null);
  const report = await makeKey('ECDSA_P256');
  try {
    const content = { ncrypt: 1, report, encryption: await encryptionKey() } as const;
    const store = ncryptKeys(content);
    await mustSign(store, report.jwk);
    await writeAtomic(path, `${JSON.stringify(content)}\n`, 0o600);
    if (before !== null) await forgetKeys(before);
    return store;
  } catch (error) {
    await forget(report);
    throw error;
  }
}

/** Null when there are none. The chip is not asked before it has to sign. */
export async function openNCryptKeys(path: string): Promise<KeyStore | null> {
  const content = await read(path);
  return content === null ? null : ncryptKeys(content);
}

/** Removes keys for good, also from where the provider keeps them. */
export async function forgetNCryptKeys(path: string): Promise<void> {
  const content = await read(path).catch(() => null);
  if (content !== null) await forgetKeys(content);
  await rm(path, { force: true });
}

async function read(path: string): Promise<Kept | null> {
  const text = await readKeyFile(path);
  if (text === null) return null;
  const content = kept.safeParse(parseJson(text));
  if (content.success) return content.data;
  throw new KeyStoreError(
    `${path} does not name the keys in the TPM (damaged?). Restore it from a backup of this computer, or enrol again.`,
  );
}

async function makeKey(algorithm: 'ECDSA_P256' | 'ECDH_P256'): Promise<InChip> {
  const name = `drawbridge-${randomUUID()}`;
  const blob = await createKey({ provider: PLATFORM, name }, algorithm);
  return { name, jwk: parsePublicBlob(blob) };
}

/** What cannot sign is not kept: a provider's word that it made a key is not enough. */
async function mustSign(store: KeyStore, jwk: PublicJwk): Promise<void> {
  const bytes = Buffer.from('drawbridge');
  const key = { key: jwk, format: 'jwk', dsaEncoding: 'ieee-p1363' } as const;
  if (!verify('sha256', bytes, key, await store.sign(bytes)))
    throw new KeyStoreError('Windows’ key provider made a key whose signature does not verify.');
}

async function encryptionKey(): Promise<Kept['encryption']> {
  const made = await makeKey('ECDH_P256').catch(onlyRefusals);
  if (made !== null) {
    if (await agrees(made)) return made;
    await forget(made);
  }
  const jwk = await generateJwk();
  const bytes = await protect(Buffer.from(JSON.stringify(jwk)));
  return { dpapi: bytes.toString('base64'), jwk: publicPart(jwk) };
}

/** Whether the key comes to the same secret as software does. */
async function agrees(key: InChip): Promise<boolean> {
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const peer = publicJwk.parse(other.publicKey.export({ format: 'jwk' }));
  const theirs = await agreeInChip(key, peer).catch(onlyRefusals);
  const publicKey = createPublicKey({ key: key.jwk, format: 'jwk' });
  const ours = diffieHellman({ privateKey: other.privateKey, publicKey });
  return theirs !== null && ours.equals(theirs);
}

function onlyRefusals(error: unknown): null {
  if (error instanceof KeyStoreError) return null;
  throw error;
}

function ncryptKeys({ report, encryption }: Kept): KeyStore {
  return {
    protection: 'tpm',
    async sign(bytes) {
      const digest = createHash('sha256').update(bytes).digest();
      return parseSignature(await signDigest({ provider: PLATFORM, name: report.name }, digest));
    },
    agree: async (peer) =>
      'name' in encryption ? agreeInChip(encryption, peer) : agreeBy(await decrypted(encryption.dpapi))(peer),
    publicJwks: async () => ({ report: report.jwk, encryption: encryption.jwk }),
    // IKEv1 of VPN software signs with a key that it reads itself; the report key in the chip vouches for it.
    newVpnKey: softwareVpnKey,
  };
}

async function agreeInChip({ name }: InChip, peer: PublicJwk): Promise<Uint8Array> {
  return parseRawSecret(await agreeWith({ provider: PLATFORM, name }, peerBlob(peer)));
}

async function decrypted(blob: string): Promise<PrivateJwk> {
  try {
    const bytes = await unprotect(Buffer.from(blob, 'base64'));
    return privateJwk.parse(parseJson(bytes.toString('utf8')));
  } catch (error) {
    throw new KeyStoreError(
      'The encryption key cannot be decrypted: it is another account’s, or another computer’s. Enrol again.',
      { cause: error },
    );
  }
}

async function forgetKeys({ report, encryption }: Kept): Promise<void> {
  await forget(report);
  if ('name' in encryption) await forget(encryption);
}

/** A key that stays behind does no harm: nothing names it any more. */
async function forget({ name }: InChip): Promise<void> {
  await deleteKey({ provider: PLATFORM, name }).catch(onlyNCryptRefusals);
}

function onlyNCryptRefusals(error: unknown): void {
  if (!(error instanceof NCryptError)) throw error;
}
