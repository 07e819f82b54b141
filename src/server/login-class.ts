import { randomBytes } from 'node:crypto';

/*
 * The Class attribute: what the gate says about a login and every accounting record of its session repeats.
 * `p1;n=<nonce>` and, where they are known, `;d=<device>;v=<decision>`.
 */

export function newNonce(): string {
  return randomBytes(16).toString('base64url');
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
