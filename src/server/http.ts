import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import { fastify, type FastifyError } from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  jsonSchemaTransform,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod';
import { z } from 'zod';
import { hintOf } from '../wire/refusal.ts';
import { PROTOCOL_CURRENT } from '../wire/version.ts';
import type { AddressReader } from './addresses.ts';
import { StoreUnavailable } from './store/store.ts';
import type { ServerTls } from './tls.ts';

/** What every route answers that cannot do what it was asked. */
export const problem = z.object({ err: z.string(), hint: z.string() });

export type Problem = z.infer<typeof problem>;

/** An answer that is a refusal; thrown by handlers. `err` is a code, `hint` a sentence that says what to do. */
export class HttpProblem extends Error {
  override name = 'HttpProblem';
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, err: string, hint = hintOf(err)) {
    super(`${status} ${err}`);
    this.status = status;
    this.problem = { err, hint };
  }
}

const DEFAULT_BODY_BYTES = 65_536;
const DEFAULT_PER_MINUTE = 600;

/** Nothing here is a page: whoever opens an answer in a browser gets text that can do nothing. */
export const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

export type App = Awaited<ReturnType<typeof createHttp>>;

/** The HTTPS server without routes. With `clientCas` (PEM) clients may show a certificate of these authorities. */
export async function createHttp(tls: ServerTls, remoteOf: AddressReader, clientCas?: readonly string[]) {
  const app = fastify({
    https: {
      cert: tls.cert,
      key: tls.key,
      minVersion: 'TLSv1.2',
      // Who shows none, or a wrong one, is told so by the route.
      ...(clientCas && { requestCert: true, rejectUnauthorized: false, ca: [...clientCas] }),
    },
    bodyLimit: DEFAULT_BODY_BYTES,
    requestTimeout: 30_000,
    connectionTimeout: 60_000,
    forceCloseConnections: true,
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(swagger, {
    openapi: { info: { title: 'Drawbridge server', version: String(PROTOCOL_CURRENT) } },
    transform: jsonSchemaTransform,
  });
  await app.register(rateLimit, {
    max: DEFAULT_PER_MINUTE,
    timeWindow: '1 minute',
    keyGenerator: (request) => remoteOf(request.raw),
    errorResponseBuilder: () => new HttpProblem(429, 'rate_limited'),
  });
  app.addHook('onRequest', async (_request, reply) => void reply.headers(SECURITY_HEADERS));
  app.setNotFoundHandler((_request, reply) => {
    void reply.status(404).send({ err: 'not_found', hint: 'There is nothing here; see /v1/openapi.json.' });
  });
  return app;
}

export type ErrorLog = { error(details: object, message: string): void };

/** Turns whatever a handler throws into a status and a `Problem`; what is our own fault is told to `log`. */
export function answerErrors(app: App, log: ErrorLog): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const { status, problem } = problemOf(error, request.routeOptions.url, log);
    void reply.status(status).send(problem);
  });
}

export function problemOf(
  error: unknown,
  path: string | undefined,
  log: ErrorLog,
): { status: number; problem: Problem } {
  const found = problemFor(error);
  if (found.status >= 500) log.error({ err: error, path }, 'request failed');
  return found;
}

function problemFor(error: unknown): { status: number; problem: Problem } {
  if (error instanceof HttpProblem) return error;
  if (error instanceof StoreUnavailable) return new HttpProblem(503, 'store_unavailable');
  const { statusCode: status = 500, message = '' } = error as Partial<FastifyError>;
  if (hasZodFastifySchemaValidationErrors(error))
    return new HttpProblem(400, 'malformed', message.slice(0, 500));
  if (status === 413) return new HttpProblem(413, 'frame_too_large');
  if (status < 500) return new HttpProblem(status, 'malformed', message.slice(0, 500));
  return new HttpProblem(500, 'failed', 'The server failed; its log says why.');
}
