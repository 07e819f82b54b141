import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { accountingOf } from './accounting-request.ts';
import type { Credentials } from './credentials/credentials.ts';
import type { Fleet } from './fleet.ts';
import { gatewayCredentialOf, requireGateway } from './gateway-auth.ts';
import { gatewayBody, parseAttributes, textOf } from './gateway-request.ts';
import { HttpProblem, problem, type App } from './http.ts';
import type { Metrics } from './metrics.ts';
import type { Places } from './places.ts';
import { addQuickRoute } from './quick-route.ts';
import type { Gate, Gated } from './radius.ts';
import { takeLogin } from './record-login.ts';
import { radiusAnswer, radiusReply } from './radius-reply.ts';
import { parseDialling, type Dialling } from './radius-request.ts';
import type { Sessions } from './sessions.ts';
import type { Store } from './store/store.ts';

const MAX_BODY = 65_536;

/** Logins of a whole company come from one address. */
const PER_MINUTE = 60_000;

export type RadiusParts = {
  store: Store;
  clock: Clock;
  gate: Gate;
  fleet: Fleet;
  sessions: Sessions;
  metrics: Metrics;
  /** Null where nobody looks at places. */
  places: Places | null;
  /** Null where this server gives no VPN credentials. */
  credentials: Pick<Credentials, 'hashFor'> | null;
  log: Logger;
};

/** What FreeRADIUS' rlm_rest asks and tells: `POST /v1/radius/authorize`, `post-auth` and `accounting`. */
export async function addRadiusRoutes(app: App, parts: RadiusParts): Promise<void> {
  await app.register(async (scope) => {
    // FreeRADIUS may put bytes as they are into its JSON: latin1 keeps each one apart until it is decoded.
    scope.removeContentTypeParser('application/json');
    scope.addContentTypeParser(
      'application/json',
      { parseAs: 'buffer', bodyLimit: MAX_BODY },
      async (_request: unknown, body: Buffer) => parseLatin1(body),
    );
    addAuthorize(scope as unknown as App, parts);
    addPostAuth(scope as unknown as App, parts);
    addAccounting(scope as unknown as App, parts);
  });
}

const config = { rateLimit: { max: PER_MINUTE, timeWindow: '1 minute' } };

/**
 * Asked before the password is checked, about names of devices only: answers with what MS-CHAPv2 checks it by. Whatever
 * the reason for there being none, the answer is the same, so that nobody who guesses names learns anything.
 */
function addAuthorize(app: App, { store, credentials }: RadiusParts): void {
  app.post('/v1/radius/authorize', { config }, async (request) => {
    await requireGateway(store, request.raw);
    const attributes = parseAttributes(request.body);
    if (attributes === null) throw new HttpProblem(400, 'malformed');
    const hash = (await credentials?.hashFor(textOf(attributes, 'user_name'))) ?? null;
    if (hash === null) throw new HttpProblem(404, 'not_found', 'There is no such VPN credential.');
    return {
      'control:NT-Password': { op: ':=', do_xlat: false, value: [`0x${hash}`] },
      'control:Tmp-String-9': { op: ':=', do_xlat: false, value: ['credential'] },
    };
  });
}

/** The schemas are for whoever reads the API: bodies are read, and answers made, by functions that were proven so. */
const told = {
  config,
  validatorCompiler: () => (value: unknown) => ({ value }),
  serializerCompiler: () => (value: unknown) => JSON.stringify(value),
};
const refusals = { 400: problem, 401: problem, 503: problem };
const asking = { body: gatewayBody, response: { 200: radiusAnswer, ...refusals } };
const accounting = { body: gatewayBody, response: { 204: z.null(), ...refusals } };

/** Asked once a password was right. */
function addPostAuth(app: App, parts: RadiusParts): void {
  const path = '/v1/radius/post-auth';
  const answer = (request: IncomingMessage, body: unknown) => answerLogin(parts, request, body);
  app.post(path, { ...told, schema: asking }, (request) => answer(request.raw, request.body));
  addQuickRoute(app, {
    path,
    maxBytes: MAX_BODY,
    perMinute: PER_MINUTE,
    parse: parseLatin1,
    answer,
    log: parts.log,
  });
}

async function answerLogin(parts: RadiusParts, request: IncomingMessage, body: unknown) {
  const { store, metrics } = parts;
  const dialling = parseDialling(body);
  if (dialling === null) {
    await requireGateway(store, request);
    throw new HttpProblem(400, 'malformed');
  }
  // On record before it is said; a server that cannot write answers 503, and FreeRADIUS decides by its own rule.
  const gated = await takeLogin(parts, gatewayCredentialOf(request), dialling);
  metrics.gateAnswered(gated.answer.access, gated.reason);
  notePlace(parts, gated, dialling);
  return radiusReply(gated.answer, dialling.msChap);
}

/** Beside the answer: looking a place up must not hold up a login, and what is strange about it acts on the session. */
function notePlace({ places, clock, log }: RadiusParts, { state }: Gated, { address }: Dialling): void {
  if (places === null || state === null || address === null) return;
  places.observePlace(state.id, address, clock.now()).catch((error: unknown) => {
    log.warn({ err: error, device: state.id }, 'place not noted');
  });
}

/** 204 once it is on disk: FreeRADIUS passes anything else on as silence, and the NAS sends the record again. */
function addAccounting(app: App, { store, sessions, metrics }: RadiusParts): void {
  app.post('/v1/radius/accounting', { ...told, schema: accounting }, async (request, reply) => {
    const gateway = await requireGateway(store, request.raw);
    const attributes = parseAttributes(request.body);
    if (attributes === null) throw new HttpProblem(400, 'malformed');
    const record = accountingOf(attributes);
    metrics.accounted(record?.kind ?? 'ignored');
    // What is not about a session would only come again and again.
    if (record !== null) await sessions.account(gateway, record);
    return reply.status(204).send(null);
  });
}

function parseLatin1(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('latin1'));
  } catch {
    throw new HttpProblem(400, 'malformed');
  }
}
