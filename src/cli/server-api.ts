import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { pathsIn } from '../server/data-folder.ts';
import type { ServerConfig } from '../server/config.ts';
import { UsageError } from './server-settings.ts';

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 64 * 1024 * 1024;

type Answer = { status: number; body: unknown };

/**
 * Asks the running server as its administrator: with the token and authority from its data folder. Null while no
 * server runs there. Throws `UsageError` with the server's own sentence when it refuses.
 */
export async function askServer(
  config: ServerConfig,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<unknown> {
  const paths = pathsIn(config.dataDir);
  const token = (await readFile(paths.adminToken, 'utf8')).trim();
  const ca = config.tls ? undefined : await readFile(paths.tlsCa, 'utf8');
  const url = new URL(path, baseUrl(config));
  const answer = await exchange(url, method, JSON.stringify(body ?? {}), token, ca);
  if (answer === null || answer.status === 200) return answer?.body ?? null;
  throw new UsageError(hintIn(answer.body) ?? `The server answered ${answer.status}.`);
}

/** A server that listens everywhere listens on this machine too. */
function baseUrl({ listen, publicUrl, tls }: ServerConfig): string {
  if (tls && publicUrl !== undefined) return publicUrl;
  const host = listen.host === '0.0.0.0' ? '127.0.0.1' : listen.host === '::' ? '::1' : listen.host;
  return `https://${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
}

function exchange(
  url: URL,
  method: string,
  body: string,
  token: string,
  ca: string | undefined,
): Promise<Answer | null> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const options = { method, headers, timeout: TIMEOUT_MS, ...(ca !== undefined && { ca }) };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > MAX_BYTES) incoming.destroy(new Error('the answer is too large'));
      });
      incoming.once('error', reject);
      incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, body: JSON.parse(text) }));
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error(`${url.host} does not answer`)));
    outgoing.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNREFUSED' ? resolve(null) : reject(error),
    );
    outgoing.end(method === 'GET' ? undefined : body);
  });
}

function hintIn(body: unknown): string | null {
  return typeof body === 'object' && body !== null && 'hint' in body ? String(body.hint) : null;
}
