import { createHmac, timingSafeEqual } from 'node:crypto';

/*
 * How two ends of a pipe that anybody can open prove to each other that both know one user's secret, which only that
 * user and the agent can read. Nothing secret crosses the pipe, and neither side's proof can be used for the other's.
 *
 *   tray   `hello <sid> <nonce>`
 *   agent  `<nonce> <proof>`
 *   tray   `<proof>`
 *   agent  `welcome`
 */

export const WELCOME = 'welcome';

/** Bytes of one line of the handshake. */
export const MAX_HELLO = 512;

/** 32 random bytes in hexadecimal. */
const NONCE = /^[0-9a-f]{64}$/;
/** A person's account, local, of a domain or of Entra ID; never a service's. */
const SID = /^S-1-(?:5-21|12-1)(?:-\d{1,10}){4}$/;

export function isSid(text: string): boolean {
  return SID.test(text);
}

export type Hello = { sid: string; nonce: string };

export function writeHello({ sid, nonce }: Hello): string {
  return `hello ${sid} ${nonce}`;
}

export function readHello(line: string): Hello | null {
  const [word, sid = '', nonce = '', ...rest] = line.split(' ');
  return word === 'hello' && isSid(sid) && NONCE.test(nonce) && rest.length === 0 ? { sid, nonce } : null;
}

export type Challenge = { nonce: string; proof: string };

export function readChallenge(line: string): Challenge | null {
  const [nonce = '', proof = '', ...rest] = line.split(' ');
  return NONCE.test(nonce) && NONCE.test(proof) && rest.length === 0 ? { nonce, proof } : null;
}

/** What `side` answers to both nonces. */
export function proofOf(
  secret: Uint8Array,
  side: 'agent' | 'tray',
  nonces: { tray: string; agent: string },
): string {
  return createHmac('sha256', secret)
    .update(`drawbridge-tray|${side}|${nonces.tray}|${nonces.agent}`)
    .digest('hex');
}

export function isSameProof(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
