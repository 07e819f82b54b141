import type { IncomingMessage, ServerResponse } from 'node:http';
import { headerOf } from './bearer.ts';
import { problemOf, SECURITY_HEADERS, type App, type ErrorLog } from './http.ts';

/** Answers a request with what goes out as JSON. `body` was read as JSON. Throws what routes throw. */
export type Answer = (request: IncomingMessage, body: unknown) => Promise<object>;

export type QuickRoute = {
  path: string;
  maxBytes: number;
  /** Of all senders together. */
  perMinute: number;
  parse(bytes: Buffer): unknown;
  answer: Answer;
  log: ErrorLog;
};

const MINUTE_MS = 60_000;

/**
 * Answers plain requests (`POST` to one address, JSON of a known length, forwarded by nobody) before the framework sees
 * them: its way to a route takes longer than the answer. Whatever is not plain, and what is too much for a minute, goes
 * to the framework's own route of that address, which has to exist.
 */
export function addQuickRoute(app: App, route: QuickRoute): void {
  const room = roomFor(route.perMinute);
  const rest = app.server.listeners('request');
  app.server.removeAllListeners('request');
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (isPlain(request, route) && room()) {
      void take(route, request, response);
      return;
    }
    for (const listener of rest) listener.call(app.server, request, response);
  });
}

/** Says whether there is room for one more in this minute, and takes it. */
function roomFor(perMinute: number): () => boolean {
  let ends = 0;
  let left = 0;
  return () => {
    const now = performance.now();
    if (now >= ends) {
      ends = now + MINUTE_MS;
      left = perMinute;
    }
    left -= 1;
    return left >= 0;
  };
}

/** What would make a request something else than its body, or its sender somebody else. */
const UNUSUAL = ['transfer-encoding', 'content-encoding', 'expect', 'x-forwarded-for'];

function isPlain(request: IncomingMessage, { path, maxBytes }: QuickRoute): boolean {
  if (request.url !== path || request.method !== 'POST') return false;
  if (headerOf(request, 'content-type') !== 'application/json') return false;
  if (!(Number(headerOf(request, 'content-length')) <= maxBytes)) return false;
  return UNUSUAL.every((name) => headerOf(request, name) === undefined);
}

async function take(route: QuickRoute, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const bytes = await bodyOf(request);
  try {
    respond(response, 200, await route.answer(request, route.parse(bytes)));
  } catch (error) {
    const { status, problem } = problemOf(error, route.path, route.log);
    respond(response, status, problem);
  }
}

/** Never resolves for a request that breaks off. */
function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => {
    request.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
  });
}

const HEADERS = Object.entries({
  ...SECURITY_HEADERS,
  'content-type': 'application/json; charset=utf-8',
}).flat();

function respond(response: ServerResponse, status: number, answer: object): void {
  const text = JSON.stringify(answer);
  response.writeHead(status, [...HEADERS, 'content-length', String(Buffer.byteLength(text))]).end(text);
}
