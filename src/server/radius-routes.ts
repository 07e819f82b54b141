import type { IncomingMessage } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { hashSecret, sameHash } from '../wire/token.ts';
import { bearerOf } from './bearer.ts';
import { HttpProblem, type App } from './http.ts';
import type { Metrics } from './metrics.ts';
import type { Gate } from './radius.ts';
import { radiusReply } from './radius-reply.ts';
import { parseDialling } from './radius-request.ts';
import { audit } from './store/audit.ts';
import type { Store } from './store/store.ts';
import { findGateway } from './store/tokens.ts';

const MAX_BODY = 16_384;

/** Logins of a whole company come from one address. */
const PER_MINUTE = 60_000;

/** `POST /v1/radius/post-auth`, asked by FreeRADIUS' rlm_rest once a password was right. */
export async function addRadiusRoutes(
  app: App,
  parts: { store: Store; clock: Clock; gate: Gate; metrics: Metrics },
): Promise<void> {
  const { store, clock, gate, metrics } = parts;
  await app.register(async (scope) => {
    // FreeRADIUS may put bytes as they are into its JSON: latin1 keeps each one apart until it is decoded.
    scope.removeContentTypeParser('application/json');
    scope.addContentTypeParser('application/json', { parseAs: 'buffer', bodyLimit: MAX_BODY }, parseLatin1);
    const config = { rateLimit: { max: PER_MINUTE, timeWindow: '1 minute' } };
    scope.post('/v1/radius/post-auth', { config }, async (request) => {
      const actor = `gateway:${await requireGateway(store, request.raw)}`;
      const dialling = parseDialling(request.body);
      if (dialling === null) throw new HttpProblem(400, 'malformed');
      const { answer, device, reason } = await gate.answer(dialling);
      const detail = { user: dialling.userName, address: dialling.address, nas: dialling.gateway, reason };
      // On record before it is said; a server that cannot write answers 503, and FreeRADIUS decides by its own rule.
      await store.write((db) =>
        audit(db, clock.now(), {
          actor,
          action: `gate ${answer.access}`,
          subject: device ?? 'nobody',
          detail,
        }),
      );
      metrics.gateAnswered(answer.access, reason);
      return radiusReply(answer);
    });
  });
}

function parseLatin1(
  _request: unknown,
  body: string | Buffer,
  done: (error: Error | null, value?: unknown) => void,
) {
  try {
    done(null, JSON.parse(Buffer.isBuffer(body) ? body.toString('latin1') : body));
  } catch {
    done(new HttpProblem(400, 'malformed'));
  }
}

/** The name of the gateway whose credential, `<id>.<secret>`, the request carries. */
async function requireGateway(store: Store, request: IncomingMessage): Promise<string> {
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
