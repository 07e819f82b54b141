import type { IncomingMessage } from 'node:http';
import { hashSecret, sameHash } from '../wire/token.ts';
import { bearerOf } from './bearer.ts';
import { HttpProblem } from './http.ts';
import type { Db, Store } from './store/store.ts';
import { findGateway } from './store/tokens.ts';

/** A gateway's credential, `<id>.<secret>`, as a request carries it; of the secret its hash. */
export type GatewayCredential = { id: string; hash: string };

export function gatewayCredentialOf(request: IncomingMessage): GatewayCredential {
  const [id = '', secret = ''] = (bearerOf(request) ?? '').split('.');
  return { id, hash: hashSecret(secret) };
}

/** The name of the gateway whose credential this is, as the database says at this moment. Throws `HttpProblem`. */
export async function gatewayOf(db: Db, { id, hash }: GatewayCredential): Promise<string> {
  const gateway = await findGateway(db, id);
  if (gateway !== undefined && gateway.revoked_at === null && sameHash(hash, gateway.hash)) {
    return gateway.name;
  }
  throw new HttpProblem(
    401,
    'unauthorized',
    'Send "Authorization: Bearer CREDENTIAL" as made by: drawbridge-server token create --gateway NAME.',
  );
}

/** The name of the gateway whose credential the request carries. Throws `HttpProblem`. */
export function requireGateway(store: Store, request: IncomingMessage): Promise<string> {
  const credential = gatewayCredentialOf(request);
  return store.read((db) => gatewayOf(db, credential));
}
