import { generateKeyPairSync, sign as signBytes, type KeyObject } from 'node:crypto';
import { checkIds, type Readings } from '../../collectors/specs.ts';
import { publicJwk, thumbprint, type Signer } from '../../src/wire/envelope.ts';

/** A signer on a key in memory. */
export async function memorySigner(): Promise<Signer & { privateKey: KeyObject }> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  const jwk = publicJwk.parse({ kty, crv, x, y });
  return {
    privateKey,
    jwk,
    kid: await thumbprint(jwk),
    sign: async (bytes) => signBytes('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
  };
}

/** Readings of a machine of which nothing is known yet. */
export function unreadReadings(at: string): Readings {
  const entries = checkIds.map((id) => [
    id,
    { state: 'unknown', why: 'unsupported', detail: 'not read', at },
  ]);
  return Object.fromEntries(entries) as Readings;
}
