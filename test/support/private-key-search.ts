// Looks for a P-256 private key of which only the public half is known: every 32 bytes are tried, however written.
import { createECDH } from 'node:crypto';
import type { PublicJwk } from '../../src/wire/envelope.ts';

const LENGTH = 32;

/** Whether one of the keys is somewhere in `content`: as bytes, in hex, or in base64 with either alphabet. */
export function holdsPrivateKey(content: Buffer, keys: readonly PublicJwk[]): boolean {
  const points = new Set(keys.map(({ x, y }) => `04${hexOf(x)}${hexOf(y)}`));
  const ecdh = createECDH('prime256v1');
  const isKey = (candidate: Buffer) => {
    try {
      ecdh.setPrivateKey(candidate);
      return points.has(ecdh.getPublicKey('hex'));
    } catch {
      return false;
    }
  };
  return candidates(content).some((bytes) => {
    for (let at = 0; at + LENGTH <= bytes.length; at += 1)
      if (isKey(bytes.subarray(at, at + LENGTH))) return true;
    return false;
  });
}

function hexOf(coordinate: string): string {
  return Buffer.from(coordinate, 'base64url').toString('hex');
}

/** The content itself, and what its longer words mean where they are an encoding, from each place it may begin at. */
function candidates(content: Buffer): Buffer[] {
  const text = content.toString('latin1');
  const isText = content.every((byte) => byte < 0x7f);
  const hex = [...text.matchAll(/[0-9a-f]{64,}/gi)].flatMap(([word]) => [
    Buffer.from(word, 'hex'),
    Buffer.from(word.slice(1), 'hex'),
  ]);
  const base64 = [...text.matchAll(/[\w+/-]{43,}/g)].flatMap(([word]) =>
    [0, 1, 2, 3].map((skip) => Buffer.from(word.slice(skip), 'base64')),
  );
  // In text, no 32 bytes are the key as it is: they would not be text.
  // Each encoding once: what does not hold it does not hold it twice.
  const distinct = new Map([...hex, ...base64].map((bytes) => [bytes.toString('latin1'), bytes]));
  return [...(isText ? [] : [content]), ...distinct.values()];
}
