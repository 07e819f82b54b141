import type { IncomingMessage } from 'node:http';
import { hashSecret, sameHash } from '../wire/token.ts';
import { HttpProblem } from './http.ts';

/** The credential in `Authorization: Bearer …`, or null. */
export function bearerOf(request: IncomingMessage): string | null {
  return /^Bearer ([\w.~+/=-]{1,200})$/i.exec(request.headers.authorization ?? '')?.[1] ?? null;
}

/** Throws unless the request carries the administrator's token. Compared in constant time. */
export function requireAdmin(request: IncomingMessage, tokenHash: string): void {
  const given = bearerOf(request);
  if (given !== null && sameHash(hashSecret(given), tokenHash)) return;
  throw new HttpProblem(
    401,
    'unauthorized',
    'Send "Authorization: Bearer TOKEN" with the content of the admin-token file.',
  );
}
