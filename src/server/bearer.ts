import type { IncomingMessage } from 'node:http';
import { hashSecret, sameHash } from '../wire/token.ts';
import { HttpProblem } from './http.ts';

/** The first header of this name, in lower case. To look into `request.headers` would make an object of all of them. */
export function headerOf({ rawHeaders }: IncomingMessage, name: string): string | undefined {
  const isWanted = (header: string, at: number) =>
    at % 2 === 0 && header.length === name.length && header.toLowerCase() === name;
  const at = rawHeaders.findIndex(isWanted);
  return at < 0 ? undefined : rawHeaders[at + 1];
}

/** The credential in `Authorization: Bearer …`, or null. */
export function bearerOf(request: IncomingMessage): string | null {
  return /^Bearer ([\w.~+/=-]{1,200})$/i.exec(headerOf(request, 'authorization') ?? '')?.[1] ?? null;
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
