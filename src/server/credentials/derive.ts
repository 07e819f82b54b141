import { createHmac } from 'node:crypto';
import { md4 } from 'hash-wasm';

/** Which credential of a device: a withdrawal raises the generation, time the epoch. */
export type Which = { device: string; generation: number; epoch: number };

/** 144 bits: far more than MS-CHAPv2 can be searched for. */
const CHARACTERS = 24;

/**
 * A device's password, from a key that is not in the database: nothing of it is stored anywhere, and who reads the
 * database learns nothing of it.
 */
export function passwordFor(key: Uint8Array, { device, generation, epoch }: Which): string {
  const mac = createHmac('sha256', key).update(
    `drawbridge ppp credential\n${device}\n${generation}\n${epoch}`,
  );
  return mac.digest('base64url').slice(0, CHARACTERS);
}

/** What MS-CHAPv2 checks a password by (RFC 2759 §8.3): MD4 over UTF-16LE, hexadecimal. Worth as much as the password. */
export function ntHash(password: string): Promise<string> {
  return md4(Buffer.from(password, 'utf16le'));
}
