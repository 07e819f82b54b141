import type { PublicJwk } from '../wire/envelope.ts';
import { KeyStoreError } from './keys.ts';

/*
 * The few structures of TPM 2.0 (part 2) that go in and out, big-endian, every variable part led by its length in
 * two bytes.
 */

const COORDINATE = 32;
const ALG_ECC = 0x0023;
const ALG_ECDSA = 0x0018;
const ALG_SHA256 = 0x000b;

/** fixedTPM, fixedParent, sensitiveDataOrigin: made in this chip, and cannot be taken out of it. */
const BOUND = (1 << 1) | (1 << 4) | (1 << 5);

/** The public key of a TPM2B_PUBLIC. Throws `KeyStoreError` for a key that is not P-256 or not bound to its chip. */
export function parsePublic(bytes: Buffer): PublicJwk {
  const point = bytes.subarray(-2 * (COORDINATE + 2));
  const known =
    bytes.length >= 10 + point.length &&
    bytes.readUInt16BE(0) === bytes.length - 2 &&
    bytes.readUInt16BE(2) === ALG_ECC &&
    (bytes.readUInt32BE(6) & BOUND) === BOUND;
  if (!known)
    throw new KeyStoreError('What is kept of the TPM’s keys is no key that is bound to a TPM. Enrol again.');
  const [x, y] = coordinates(point);
  return { kty: 'EC', crv: 'P-256', x: x.toString('base64url'), y: y.toString('base64url') };
}

/** A TPMT_SIGNATURE by ECDSA as 64 bytes r||s. */
export function parseSignature(bytes: Buffer): Uint8Array {
  const isOurs =
    bytes.length > 6 && bytes.readUInt16BE(0) === ALG_ECDSA && bytes.readUInt16BE(2) === ALG_SHA256;
  if (!isOurs) throw new KeyStoreError('The TPM’s signature is not one by ECDSA with SHA-256.');
  return Buffer.concat(coordinates(bytes.subarray(4)));
}

/** A public key as TPM2B_ECC_POINT. */
export function pointOf({ x, y }: PublicJwk): Buffer {
  const length = Buffer.of(0, COORDINATE);
  const size = Buffer.of(0, 2 * (COORDINATE + 2));
  return Buffer.concat([size, length, Buffer.from(x, 'base64url'), length, Buffer.from(y, 'base64url')]);
}

/** The x coordinate of a TPM2B_ECC_POINT: what both sides of ECDH share, 32 bytes. */
export function sharedX(bytes: Buffer): Uint8Array {
  return coordinates(bytes.subarray(2))[0];
}

/** Two numbers; some chips leave out leading zeros. */
function coordinates(bytes: Buffer): [Buffer, Buffer] {
  const [first, rest] = number(bytes);
  return [first, number(rest)[0]];
}

function number(bytes: Buffer): [Buffer, Buffer] {
  const length = bytes.length < 2 ? -1 : bytes.readUInt16BE(0);
  if (length < 1 || length > COORDINATE || bytes.length < 2 + length)
    throw new KeyStoreError('The TPM gave a number that is not one of P-256.');
  const padded = Buffer.alloc(COORDINATE);
  bytes.copy(padded, COORDINATE - length, 2, 2 + length);
  return [padded, bytes.subarray(2 + length)];
}
