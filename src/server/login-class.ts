import { randomFillSync } from 'node:crypto';

/*
 * The Class attribute: what the gate says about a login and every accounting record of its session repeats.
 * `p1;n=<nonce>` and, where they are known, `;d=<device>;v=<decision>`.
 */

const NONCE_BYTES = 16;

/** Random bytes for many: asking the system for a few costs as much as for all of these. Each is used once. */
const random = Buffer.alloc(NONCE_BYTES * 256);
let used = random.length;

export function newNonce(): string {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  const nonce = random.toString('base64url', used, used + NONCE_BYTES);
  random.fill(0, used, used + NONCE_BYTES);
  used += NONCE_BYTES;
  return nonce;
}

export function classOf({ nonce, device, decision }: LoginNames): string {
  const names = [
    ['n', nonce],
    ['d', device],
    ['v', decision],
  ].flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`]));
  return ['p1', ...names].join(';');
}

export type LoginNames = { nonce: string; device: string | null; decision: string | null };

/** The nonce in one of a packet's Class attributes, of which others may be a proxy's; null when none is ours. */
export function nonceIn(classes: readonly string[]): string | null {
  for (const one of classes) {
    const nonce = /^p1;n=([A-Za-z0-9_-]{22})(?:;|$)/.exec(one)?.[1];
    if (nonce !== undefined) return nonce;
  }
  return null;
}
