import { createPrivateKey, generateKeyPair, sign, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { writeAtomic } from '../base/atomic-file.ts';
import { publicJwk, thumbprint, type Signer } from '../wire/envelope.ts';
import type { DataPaths } from './data-folder.ts';

const privateJwk = publicJwk.extend({ d: publicJwk.shape.x });

/** The server's two signing keys: the root vouches for answers of enrolment, the order key for orders and policies. */
export type SigningKeys = { root: Signer; order: Signer };

const generate = promisify(generateKeyPair);

/** A new P-256 key in a file that only its owner can read. */
export async function createKeyFile(path: string): Promise<void> {
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' });
  await writeAtomic(path, `${JSON.stringify(privateJwk.parse(privateKey.export({ format: 'jwk' })))}\n`);
}

export async function loadSigningKeys(paths: DataPaths): Promise<SigningKeys> {
  const [root, order] = await Promise.all([loadSigner(paths.orderRoot), loadSigner(paths.orderKey)]);
  return { root, order };
}

async function loadSigner(path: string): Promise<Signer> {
  const key = privateJwk.parse(JSON.parse(await readFile(path, 'utf8')));
  const { d: _, ...jwk } = key;
  const privateKey = createPrivateKey({ key, format: 'jwk' });
  return { kid: await thumbprint(jwk), jwk, sign: (bytes) => signBytes(privateKey, bytes) };
}

/** Off this thread: libuv's pool does the arithmetic. */
function signBytes(key: KeyObject, bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }, (error, signature) =>
      error ? reject(error) : resolve(signature),
    );
  });
}
