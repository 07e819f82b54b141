import { randomBytes } from 'node:crypto';

/** How far clocks may differ, and how long a nonce lives. */
export const WINDOW_MS = 120_000;

/** Nonces that a connection may have outstanding: one for its next report, and one for each challenge. */
const MAX_OUTSTANDING = 4;

export function freshNonce(): string {
  return randomBytes(16).toString('base64url');
}

/** The nonces of one connection: each may be used once, within 120 s. */
export type Nonces = {
  issue(now: number): string;
  use(nonce: string | undefined, now: number): 'used' | 'nonce_unknown' | 'nonce_expired';
};

export function createNonces(): Nonces {
  const issued = new Map<string, number>();
  return {
    issue(now) {
      const nonce = freshNonce();
      issued.set(nonce, now);
      const [oldest] = issued.keys();
      if (issued.size > MAX_OUTSTANDING && oldest !== undefined) issued.delete(oldest);
      return nonce;
    },
    use(nonce, now) {
      const at = nonce === undefined ? undefined : issued.get(nonce);
      if (nonce === undefined || at === undefined) return 'nonce_unknown';
      issued.delete(nonce);
      return now - at > WINDOW_MS ? 'nonce_expired' : 'used';
    },
  };
}
