import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { normalAddress } from './addresses.ts';
import { requireGateway } from './gateway-auth.ts';
import { HttpProblem, problem, type App } from './http.ts';
import { dropTunnel, putTunnel } from './store/tunnels.ts';
import type { Store } from './store/store.ts';

/** An IPsec tunnel came up or went down, as the gateway's helper saw it. */
export const identityEvent = z.object({
  event: z.enum(['up', 'down']),
  peerAddress: z.string().max(60),
  /** The identity that IKE authenticated: with a certificate a distinguished or domain name. */
  peerId: z.string().min(1).max(1_000),
  /** `certificate`: the gateway takes nothing else on this connection. */
  proof: z.enum(['certificate']).nullish(),
  certificateSerial: z.string().max(100).nullish(),
  certificateFingerprint: z.string().max(200).nullish(),
  at: z.iso.datetime({ offset: true }),
});

const PER_MINUTE = 60_000;
/** A gateway's clock may be off; a tunnel that is said to come from the future would outlive its end. */
const MAX_AHEAD_MS = 5_000;

/** What gateways tell besides RADIUS: `POST /v1/gateway/identity`. */
export async function addGatewayRoutes(
  app: App,
  { store, clock }: { store: Store; clock: Clock },
): Promise<void> {
  const config = { rateLimit: { max: PER_MINUTE, timeWindow: '1 minute' } };
  const schema = { body: identityEvent, response: { 204: z.null(), 400: problem, 401: problem } };
  app.post('/v1/gateway/identity', { config, schema }, async (request, reply) => {
    const gateway = await requireGateway(store, request.raw);
    const { event, peerAddress, peerId, proof, certificateSerial, certificateFingerprint, at } = request.body;
    const address = normalAddress(peerAddress);
    if (address === null) throw new HttpProblem(400, 'malformed', 'peerAddress has to be an IP address.');
    const when = Math.min(Date.parse(at), clock.now() + MAX_AHEAD_MS);
    const key = { gateway, peer_address: address, peer_id: peerId };
    await store.write((db) =>
      event === 'down'
        ? dropTunnel(db, key, when)
        : putTunnel(db, {
            ...key,
            proof: proof ?? null,
            certificate_serial: certificateSerial ?? null,
            certificate_fingerprint: certificateFingerprint ?? null,
            since: when,
          }),
    );
    return reply.status(204).send(null);
  });
}
