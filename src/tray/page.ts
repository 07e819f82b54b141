import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { z } from 'zod';
import { openerOf, PANES, type Opener } from '../../collectors/help.ts';
import { variantsOf } from '../../collectors/words.ts';
import { systemClock } from '../base/clock.ts';
import { parseJson } from '../base/json.ts';
import { trayRequest, type TrayAnswer, type TrayAsk, type TrayStatus } from '../wire/tray.ts';
import { LANGUAGES, type Language, type Locale } from './locale.ts';
import { pageFiles } from './page-assets.ts';
import { createPageKeys, type PageKeys } from './page-keys.ts';
import { peerUid } from './page-peer.ts';
import { pageView } from './page-view.ts';
import { wordsIn } from './words.ts';

/** What the page needs of the tray's client. */
export type PageClient = {
  readonly status: TrayStatus | null;
  watch(listener: (status: TrayStatus | null) => void): () => void;
  ask(request: TrayAsk): Promise<TrayAnswer>;
};

export type PageOptions = {
  locale: Locale;
  /** XDG_CURRENT_DESKTOP; null elsewhere. */
  desktop: string | null;
  /** Opens a place in the system's settings; false where that was not possible. */
  openPane(opener: Opener): Promise<boolean>;
};

export type OpenPage = {
  /** A new address for a browser of this very user: it works once, within a minute. */
  url(): string;
  close(): Promise<void>;
};

const HOST = '127.0.0.1';
const MAX_BODY = 2_048;
/** Milliseconds for which a page waits for a change. */
const WAIT_MS = 20_000;
const MAX_CONNECTIONS = 64;

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
};

const session = z.strictObject({ code: z.string().max(100) });
const open = z.strictObject({ verb: z.literal('open'), pane: z.enum(PANES) });

/**
 * Serves the status page to this user's browser, by this user's own process, on the loopback interface only. Plain
 * `node:http`: a dozen lines of routes do not need a framework in every user's session.
 */
export async function openPage(client: PageClient, options: PageOptions): Promise<OpenPage> {
  const keys = createPageKeys(systemClock);
  const parts: Parts = { client, options, keys, known: new WeakMap() };
  const server = createServer(
    { maxHeaderSize: 8_192, headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 30_000 },
    (request, response) => {
      serve(request, response, parts).catch(() => response.destroy());
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: () => `http://${HOST}:${port}/#${keys.code()}`,
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

type Parts = {
  client: PageClient;
  options: PageOptions;
  keys: PageKeys;
  /** Connections whose other end was seen to be this user. */
  known: WeakMap<Socket, Promise<boolean>>;
};

type Reply = { status: number; body?: unknown; type?: string };

async function serve(request: IncomingMessage, response: ServerResponse, parts: Parts): Promise<void> {
  const { status, body, type = 'application/json' } = await replyTo(request, parts);
  response.writeHead(status, { ...HEADERS, 'content-type': type });
  response.end(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
}

async function replyTo(request: IncomingMessage, parts: Parts): Promise<Reply> {
  const refusal = refuseForeign(request);
  if (refusal !== null) return refusal;
  if (!(await isSameUser(request.socket, parts))) return { status: 403, body: { error: 'user' } };
  const { pathname, searchParams } = new URL(request.url ?? '/', `http://${HOST}`);
  const file = Object.hasOwn(pageFiles(), pathname) ? pageFiles()[pathname] : undefined;
  if (request.method === 'GET' && file !== undefined)
    return { status: 200, body: file.text, type: file.type };
  if (pathname === '/api/session' && request.method === 'POST') return exchange(request, parts.keys);
  if (!parts.keys.isToken(bearerOf(request))) return { status: 401, body: { error: 'token' } };
  if (pathname === '/api/view' && request.method === 'GET')
    return view(parts, languageIn(searchParams), searchParams.get('after'), request.socket);
  if (pathname === '/api/do' && request.method === 'POST')
    return act(request, parts, languageIn(searchParams));
  return { status: 404, body: { error: 'no such page' } };
}

/** Another site in the same browser, or a name that was bound to this address, gets nothing. */
function refuseForeign({ headers, socket, url = '/' }: IncomingMessage): Reply | null {
  const own = `${HOST}:${socket.localPort}`;
  if (headers.host !== own) return { status: 421, body: { error: 'host' } };
  const { origin, 'sec-fetch-site': site } = headers;
  if (origin !== undefined && origin !== `http://${own}`) return { status: 403, body: { error: 'origin' } };
  const allowed = url.startsWith('/api/') ? ['same-origin'] : ['same-origin', 'none'];
  if (site !== undefined && !allowed.includes(String(site))) return { status: 403, body: { error: 'site' } };
  return null;
}

/** On Linux the kernel says whose connection it is; elsewhere code and token have to do. */
function isSameUser(socket: Socket, { known }: Parts): Promise<boolean> {
  const before = known.get(socket);
  if (before !== undefined) return before;
  const found = peerUid(socket).then((uid) => uid === 'unsupported' || uid === process.getuid?.());
  known.set(socket, found);
  return found;
}

function bearerOf({ headers }: IncomingMessage): string {
  return /^Bearer ([A-Za-z0-9_-]{20,100})$/.exec(headers.authorization ?? '')?.[1] ?? '';
}

function languageIn(query: URLSearchParams): Language | null {
  const wanted = query.get('lang');
  return LANGUAGES.find((one) => one === wanted) ?? null;
}

async function exchange(request: IncomingMessage, keys: PageKeys): Promise<Reply> {
  const parsed = session.safeParse(await bodyOf(request));
  const token = parsed.success ? keys.exchange(parsed.data.code) : null;
  return token === null ? { status: 401, body: { error: 'code' } } : { status: 200, body: { token } };
}

/** What is shown, at once or as soon as it differs from what the page has. */
async function view(
  parts: Parts,
  language: Language | null,
  after: string | null,
  socket: Socket,
): Promise<Reply> {
  const { client, options } = parts;
  const locale = localeWith(options.locale, language);
  const now = () => {
    const shown = pageView(client.status, locale, options.desktop);
    return { tag: tagOf(client.status, locale), view: shown };
  };
  const first = now();
  if (after !== first.tag) return { status: 200, body: first };
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      stop();
      socket.removeListener('close', end);
      resolve();
    };
    const timer = setTimeout(end, WAIT_MS);
    const stop = client.watch(() => {
      if (tagOf(client.status, locale) !== after) end();
    });
    socket.once('close', end);
  });
  return { status: 200, body: now() };
}

/** The same for two words of the agent that look the same. */
function tagOf(status: TrayStatus | null, { language }: Locale): string {
  const text = status === null ? '' : JSON.stringify({ ...status, at: '' });
  return `${language} ${createHash('sha256').update(text).digest('base64url').slice(0, 16)}`;
}

/** The page's language may differ from the session's; then its dates follow the language. */
function localeWith(locale: Locale, language: Language | null): Locale {
  return language === null || language === locale.language ? locale : { language, dates: language };
}

/** Anything but a JSON body of a page of ours is no request. */
async function act(request: IncomingMessage, parts: Parts, language: Language | null): Promise<Reply> {
  const { client, options } = parts;
  const { refusal } = wordsIn(language ?? options.locale.language);
  const body = await bodyOf(request);
  const pane = open.safeParse(body);
  if (pane.success) return { status: 200, body: { ok: await showPane(pane.data.pane, parts) } };
  const wanted = trayRequest.safeParse(isRecord(body) ? { ...body, id: 0 } : null);
  if (!wanted.success || wanted.data.verb === 'status') return { status: 400, body: { error: 'request' } };
  const { id: _, ...ask } = wanted.data;
  try {
    const answer = await client.ask(ask);
    if (answer.ok) return { status: 200, body: { ok: true } };
    return { status: 200, body: { ok: false, text: refusal[answer.code], detail: answer.text } };
  } catch {
    return { status: 200, body: { ok: false, text: refusal.unreachable, detail: '' } };
  }
}

async function showPane(pane: (typeof PANES)[number], { client, options }: Parts): Promise<boolean> {
  const device = client.status?.device;
  if (device === undefined) return false;
  const opener = openerOf(pane, device.platform, variantsOf({ ...device, desktop: options.desktop }));
  return opener !== null && options.openPane(opener);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Undefined for a body that is too long or no JSON. */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  if (request.headers['content-type'] !== 'application/json') return undefined;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY) return undefined;
    chunks.push(chunk);
  }
  return parseJson(Buffer.concat(chunks).toString('utf8'));
}
