import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { expect, test } from 'vitest';
import {
  parsePublicBlob,
  parseRawSecret,
  parseSignature,
  peerBlob,
} from '../../src/agent/ncrypt-structures.ts';
import { publicJwk, type PublicJwk } from '../../src/wire/envelope.ts';

/*
 * Made by hand from bcrypt.h: “ECS1” or “ECK1”, the length of a coordinate, x, y. The point is the generator of P-256
 * (SEC 2, 2.4.2).
 */
const X = '6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296';
const Y = '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5';
const blob = (magic: string, x = X, y = Y) =>
  Buffer.from(`${Buffer.from(magic).toString('hex')}20000000${x}${y}`, 'hex');

function pair(): { key: KeyObject; jwk: PublicJwk } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { key: privateKey, jwk: publicJwk.parse(publicKey.export({ format: 'jwk' })) };
}

test.each(['ECS1', 'ECK1'])(
  'a public key of the provider (%s) is one of JOSE, and goes back as one for ECDH',
  (magic) => {
    const jwk = parsePublicBlob(blob(magic));
    expect(jwk).toEqual({
      kty: 'EC',
      crv: 'P-256',
      x: Buffer.from(X, 'hex').toString('base64url'),
      y: Buffer.from(Y, 'hex').toString('base64url'),
    });
    expect(peerBlob(jwk)).toEqual(blob('ECK1'));
  },
);

test.each([
  ['empty', Buffer.alloc(0)],
  ['cut off', blob('ECS1').subarray(0, 71)],
  ['longer than it says', Buffer.concat([blob('ECS1'), Buffer.of(0)])],
  ['a private key', Buffer.concat([blob('ECS2'), Buffer.alloc(32)])],
  ['of P-384', blob('ECS3')],
  ['no point of the curve', blob('ECS1', X, X)],
])('what is %s is refused', (_, bytes) => {
  expect(() => parsePublicBlob(bytes)).toThrow(/P-256/);
});

test('a peer that is no point of the curve never reaches the provider', () => {
  expect(() => peerBlob({ ...pair().jwk, y: pair().jwk.y })).toThrow('no point of P-256');
});

test('the raw secret has its last byte first: turned round it is what software agrees on', () => {
  const [ours, theirs] = [pair(), pair()];
  const publicKey = createPublicKey({ key: theirs.jwk, format: 'jwk' });
  const secret = diffieHellman({ privateKey: ours.key, publicKey });
  expect(Buffer.from(parseRawSecret(Buffer.from(secret.toReversed())))).toEqual(secret);
  expect(() => parseRawSecret(secret.subarray(1))).toThrow('31 bytes');
});

test('a signature has to be r||s of 32 bytes each', () => {
  expect(parseSignature(Buffer.alloc(64, 7))).toEqual(new Uint8Array(64).fill(7));
  expect(() => parseSignature(Buffer.alloc(63))).toThrow('63 bytes');
});
