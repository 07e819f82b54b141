import { createPrivateKey, generateKeyPair, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { z } from 'zod';
import { publicJwk, thumbprint, type PublicJwk, type Signer } from './envelope.ts';

/** A P-256 private key as a file or a keyring holds it. */
export const privateJwk = publicJwk.extend({ d: publicJwk.shape.x });

export type PrivateJwk = z.infer<typeof privateJwk>;

const generate = promisify(generateKeyPair);

export async function generateJwk(): Promise<PrivateJwk> {
  const { privateKey } = await generate('ec', { namedCurve: 'P-256' });
  return privateJwk.parse(privateKey.export({ format: 'jwk' }));
}

export function importJwk(jwk: PrivateJwk): KeyObject {
  return createPrivateKey({ key: jwk, format: 'jwk' });
}

export function publicPart({ kty, crv, x, y }: PrivateJwk): PublicJwk {
  return { kty, crv, x, y };
}

/** 64 bytes, r||s, over SHA-256 of `bytes`. Off this thread: libuv's pool does the arithmetic. */
export function signBytes(key: KeyObject, bytes: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }, (error, signature) =>
      error ? reject(error) : resolve(signature),
    );
  });
}

/** A signer whose key lies in this process's memory. */
export async function softwareSigner(jwk: PrivateJwk): Promise<Signer> {
  const key = importJwk(jwk);
  const shown = publicPart(jwk);
  return { kid: await thumbprint(shown), jwk: shown, sign: (bytes) => signBytes(key, bytes) };
}
