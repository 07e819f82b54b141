import { createHash } from 'node:crypto';
import { fastify, type FastifyInstance } from 'fastify';
import { z } from 'zod';
import { hashSecret, sameHash } from '../wire/token.ts';
import { daeBody, daeReply, type DaeBody } from './dae.ts';

/** What FreeRADIUS asks the helper. */
export type Door = {
  /** Does it, and answers with an Error-Cause, or null once it is done. */
  dae(body: DaeBody): Promise<number | null>;
  /** The IPsec identities at an address. */
  peersAt(address: string): string[];
};

const MAX_BODY = 16_384;
const peerBody = z.object({ address: z.string().max(300) });

/** HTTP on loopback; whoever does not show the token gets nothing. Has to be closed. */
export function createDoor(door: Door, token: string): FastifyInstance {
  const right = hashSecret(`Bearer ${token}`);
  const app = fastify({ bodyLimit: MAX_BODY, logger: false });
  app.addHook('onRequest', async (request, reply) => {
    if (!sameHash(hashSecret(request.headers.authorization ?? ''), right)) await reply.status(401).send();
  });
  app.post('/v1/dae', async (request, reply) => {
    const body = daeBody.safeParse(request.body);
    return body.success ? daeReply(await door.dae(body.data)) : reply.status(400).send();
  });
  app.post('/v1/peer', async (request, reply) => {
    const body = peerBody.safeParse(request.body);
    return body.success ? peerReply(door.peersAt(body.data.address)) : reply.status(400).send();
  });
  return app;
}

/** Several behind one address are no identity: none of them may have what was another's. */
function peerReply(peers: readonly string[]): Record<string, unknown> {
  const [only] = peers;
  if (only === undefined) return {};
  const name = createHash('sha256').update(peers.toSorted().join('\0')).digest('hex');
  return {
    'control:Tmp-String-7': { op: ':=', do_xlat: false, value: [name] },
    ...(peers.length > 1 && { 'control:Tmp-String-4': { op: ':=', value: ['several'] } }),
  };
}
