import { createPublicKey } from 'node:crypto';
import type { PublicJwk } from '../wire/envelope.ts';
import { KeyStoreError } from './keys.ts';

/* The few structures of bcrypt.h that go in and out. Headers are little-endian, the numbers of a key big-endian. */

const COORDINATE = 32;
const HEADER = 8;
/** “ECS1” and “ECK1”: a public key of P-256 for ECDSA, and one for ECDH. */
const ECDSA_PUBLIC_P256 = 0x3153_4345;
const ECDH_PUBLIC_P256 = 0x314b_4345;

/** The key of a BCRYPT_ECCKEY_BLOB. Throws `KeyStoreError` for anything but a point of P-256. */
export function parsePublicBlob(blob: Buffer): PublicJwk {
  const isP256 =
    blob.length === HEADER + 2 * COORDINATE &&
    [ECDSA_PUBLIC_P256, ECDH_PUBLIC_P256].includes(blob.readUInt32LE(0)) &&
    blob.readUInt32LE(4) === COORDINATE;
  if (!isP256) throw new KeyStoreError('Windows’ key provider gave a key that is not one of P-256.');
  const x = blob.toString('base64url', HEADER, HEADER + COORDINATE);
  const y = blob.toString('base64url', HEADER + COORDINATE);
  return onCurve({ kty: 'EC', crv: 'P-256', x, y });
}

/** The key of the other side as a BCRYPT_ECCKEY_BLOB for ECDH. Throws `KeyStoreError` for a point that is not on the curve. */
export function peerBlob(peer: PublicJwk): Buffer {
  const { x, y } = onCurve(peer);
  const header = Buffer.alloc(HEADER);
  header.writeUInt32LE(ECDH_PUBLIC_P256, 0);
  header.writeUInt32LE(COORDINATE, 4);
  return Buffer.concat([header, Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
}

/** What both sides share, 32 bytes, of BCRYPT_KDF_RAW_SECRET, which has its last byte first. */
export function parseRawSecret(secret: Buffer): Uint8Array {
  if (secret.length !== COORDINATE)
    throw new KeyStoreError(`Windows’ key provider agreed on ${secret.length} bytes, not on 32.`);
  return Uint8Array.from(secret).toReversed();
}

/** An ECDSA signature of P-256 is r||s here as it is in JOSE. */
export function parseSignature(signature: Buffer): Uint8Array {
  if (signature.length !== 2 * COORDINATE)
    throw new KeyStoreError(`Windows’ key provider signed with ${signature.length} bytes, not with 64.`);
  return new Uint8Array(signature);
}

/** A provider need not look; a secret agreed on with a point elsewhere would tell of the private key. */
function onCurve(key: PublicJwk): PublicJwk {
  try {
    createPublicKey({ key, format: 'jwk' });
    return key;
  } catch {
    throw new KeyStoreError('A public key is no point of P-256.');
  }
}
