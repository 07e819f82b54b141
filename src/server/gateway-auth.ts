import type { IncomingMessage } from 'node:http';
import { hashSecret, sameHash } from '../wire/token.ts';
import { bearerOf } from './bearer.ts';
import { HttpProblem } from './http.ts';
import type { Store } from './store/store.ts';
import { findGateway } from './store/tokens.ts';

/** The name of the gateway whose credential, `<id>.<secret>`, the request carries. Throws `HttpProblem`. */
export async function requireGateway(store: Store, request: IncomingMessage): Promise<string> {
  const [id = '', secret = ''] = (bearerOf(request) ?? '').split('.');
  const gateway = await store.read((db) => findGateway(db, id));
  if (gateway !== undefined && gateway.revoked_at === null && sameHash(hashSecret(secret), gateway.hash)) {
    return gateway.name;
  }
  throw new HttpProblem(
    401,
    'unauthorized',
    'Send "Authorization: Bearer CREDENTIAL" as made by: drawbridge-server token create --gateway NAME.',
  );
}
