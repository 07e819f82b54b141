import type { KoffiFunc } from 'koffi';
import { KeyStoreError } from './keys.ts';
import { nCryptCalls, type Handle, type NCryptCalls, type Out, type Status } from './ncrypt-calls.ts';

/*
 * Windows’ key storage (NCrypt). Keys are made inside a provider, belong to the computer, and never leave it: whoever
 * asks for the platform provider means the TPM. Each call opens the key anew, which survives sleep and costs little
 * beside the chip's own time.
 */

export type KeyProvider = 'Microsoft Platform Crypto Provider' | 'Microsoft Software Key Storage Provider';
export type KeyAlgorithm = 'ECDSA_P256' | 'ECDH_P256';
export type KeyAt = { provider: KeyProvider; name: string };

/** The provider refuses; `status` is its own number for why. */
export class NCryptError extends KeyStoreError {
  override name = 'NCryptError';
  readonly status: number;
  constructor(what: string, status: number) {
    const code = `0x${status.toString(16).padStart(8, '0')}`;
    super(`Windows’ key provider: ${REASONS[status] ?? 'it refuses'} (${what} ${code}).`);
    this.status = status;
  }
}

/** winerror.h. What a person can do about it. */
const REASONS: Readonly<Record<number, string>> = {
  0x8009_0010: 'this account may not use the key. Run this as the account of the service, or elevated',
  0x8007_0005: 'this account may not use the key. Run this as the account of the service, or elevated',
  0x8009_0011: 'the key is not there: it was made by another computer, or the TPM was cleared. Enrol again',
  0x8009_0016: 'the key is not there: it was made by another computer, or the TPM was cleared. Enrol again',
  0x8009_000b: 'the key cannot be used any more: the TPM was cleared or replaced. Enrol again',
  0x8009_0029: 'it does not do this with P-256. Look for newer firmware of the TPM',
  0x8009_0030: 'the TPM is not ready. Look at tpm.msc, or restart Windows',
  0x8009_0035: 'there is no TPM that it could use. Look at tpm.msc',
};

/** A TPM answers within a second; a call of Windows cannot be taken back. */
const WITHIN_MS = 30_000;

const MACHINE_KEY = 0x20;
/** Nobody is there to answer a question. */
const SILENT = 0x40;
const PUBLIC_BLOB = 'ECCPUBLICBLOB';
const RAW_SECRET = 'TRUNCATE';

/** Makes a key of the computer's that cannot be exported. Answers its public half, a BCRYPT_ECCKEY_BLOB. */
export async function createKey({ provider, name }: KeyAt, algorithm: KeyAlgorithm): Promise<Buffer> {
  return withProvider(provider, async (api, opened) => {
    // What may be exported is said before the key is finished; saying nothing means nothing.
    const key = await made('NCryptCreatePersistedKey', (out) =>
      ask(api.create, opened, out, algorithm, name, 0, MACHINE_KEY),
    );
    try {
      must('NCryptFinalizeKey', await ask(api.finalize, key, SILENT));
      const blob = await filled('NCryptExportKey', 512, (into, used) =>
        ask(api.export, key, 0, PUBLIC_BLOB, null, into, into.length, used, SILENT),
      );
      api.free(key);
      return blob;
    } catch (error) {
      // This frees it, too.
      await ask(api.remove, key, SILENT);
      throw error;
    }
  });
}

/** Signs a SHA-256 digest. */
export function signDigest(at: KeyAt, digest: Buffer): Promise<Buffer> {
  return withKey(at, (api, key) =>
    filled('NCryptSignHash', 256, (into, used) =>
      ask(api.sign, key, null, digest, digest.length, into, into.length, used, SILENT),
    ),
  );
}

/** What the key and that of a peer (a BCRYPT_ECCKEY_BLOB) share, as BCRYPT_KDF_RAW_SECRET has it. */
export function agreeWith(at: KeyAt, peer: Buffer): Promise<Buffer> {
  return withKey(at, async (api, key, provider) => {
    const other = await made('NCryptImportKey', (out) =>
      ask(api.import, provider, 0, PUBLIC_BLOB, null, out, peer, peer.length, SILENT),
    );
    try {
      const secret = await made('NCryptSecretAgreement', (out) => ask(api.agree, key, other, out, SILENT));
      try {
        return await filled('NCryptDeriveKey', 64, (into, used) =>
          ask(api.derive, secret, RAW_SECRET, null, into, into.length, used, 0),
        );
      } finally {
        api.free(secret);
      }
    } finally {
      api.free(other);
    }
  });
}

/** A key that is not there is fine. */
export async function deleteKey({ provider, name }: KeyAt): Promise<void> {
  await withProvider(provider, async (api, opened) => {
    const out: Out<Handle> = [0];
    const status = await ask(api.open, opened, out, name, 0, MACHINE_KEY | SILENT);
    if (status === 0) must('NCryptDeleteKey', await ask(api.remove, out[0], SILENT));
  });
}

async function withProvider<T>(
  name: KeyProvider,
  use: (api: NCryptCalls, provider: Handle) => Promise<T>,
): Promise<T> {
  const api = await nCryptCalls();
  const provider = await made('NCryptOpenStorageProvider', (out) => ask(api.openProvider, out, name, 0));
  try {
    return await use(api, provider);
  } finally {
    api.free(provider);
  }
}

function withKey<T>(
  { provider, name }: KeyAt,
  use: (api: NCryptCalls, key: Handle, provider: Handle) => Promise<T>,
): Promise<T> {
  return withProvider(provider, async (api, opened) => {
    const key = await made('NCryptOpenKey', (out) =>
      ask(api.open, opened, out, name, 0, MACHINE_KEY | SILENT),
    );
    try {
      return await use(api, key, opened);
    } finally {
      api.free(key);
    }
  });
}

async function made(what: string, make: (out: Out<Handle>) => Promise<Status>): Promise<Handle> {
  const out: Out<Handle> = [0];
  must(what, await make(out));
  return out[0];
}

async function filled(
  what: string,
  size: number,
  fill: (into: Buffer, used: Out<number>) => Promise<Status>,
): Promise<Buffer> {
  const into = Buffer.alloc(size);
  const used: Out<number> = [0];
  must(what, await fill(into, used));
  return into.subarray(0, used[0]);
}

function must(what: string, status: Status): void {
  if (status !== 0) throw new NCryptError(what, status);
}

/** On another thread: a chip takes its time, and others are waiting here. */
function ask<A extends unknown[]>(call: KoffiFunc<(...argv: A) => Status>, ...argv: A): Promise<Status> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new KeyStoreError(SILENCE)), WITHIN_MS);
    call.async(...argv, (error: unknown, status: Status) => {
      clearTimeout(timer);
      if (error) reject(error);
      else resolve(status);
    });
  });
}

const SILENCE = 'Windows’ key provider does not answer. Look at tpm.msc, or restart Windows.';
