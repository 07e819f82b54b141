import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';

/** Milliseconds until a code is worth nothing; it is in a command line for a moment. */
const CODE_MS = 60_000;
const TOKEN_MS = 12 * 3_600_000;
/** Pages that can be open at once; the oldest gives way. */
const MAX_OPEN = 16;

/** What opens the page: a code that works once, in exchange for a token that the page keeps to itself. */
export type PageKeys = {
  code(): string;
  /** Null for a code that is unknown, used or too old. */
  exchange(code: string): string | null;
  isToken(token: string): boolean;
};

/** Only hashes are kept; looking one up by a hash leaks nothing about another. */
export function createPageKeys(clock: Pick<Clock, 'monotonic'>): PageKeys {
  const codes = new Map<string, number>();
  const tokens = new Map<string, number>();
  const make = (kept: Map<string, number>, ms: number) => {
    const secret = randomBytes(32).toString('base64url');
    kept.set(hashOf(secret), clock.monotonic() + ms);
    const [oldest] = kept.keys();
    if (kept.size > MAX_OPEN && oldest !== undefined) kept.delete(oldest);
    return secret;
  };
  const isGood = (kept: Map<string, number>, secret: string) =>
    (kept.get(hashOf(secret)) ?? -Infinity) > clock.monotonic();
  return {
    code: () => make(codes, CODE_MS),
    exchange(code) {
      const good = isGood(codes, code);
      codes.delete(hashOf(code));
      return good ? make(tokens, TOKEN_MS) : null;
    },
    isToken: (token) => isGood(tokens, token),
  };
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}
