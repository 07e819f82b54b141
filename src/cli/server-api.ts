import { readFile } from 'node:fs/promises';
import { pathsIn } from '../server/data-folder.ts';
import type { ServerConfig } from '../server/config.ts';
import { adminRequest } from './admin-request.ts';
import { UsageError } from './usage-error.ts';

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
  const answer = await adminRequest(url, { token, ca }, method === 'POST' ? (body ?? {}) : undefined);
  if (answer === null || answer.status === 200) return answer?.body ?? null;
  throw new UsageError(hintIn(answer.body) ?? `The server answered ${answer.status}.`);
}

/** A server that listens everywhere listens on this machine too. */
function baseUrl({ listen, publicUrl, tls }: ServerConfig): string {
  if (tls && publicUrl !== undefined) return publicUrl;
  const host = listen.host === '0.0.0.0' ? '127.0.0.1' : listen.host === '::' ? '::1' : listen.host;
  return `https://${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
}

function hintIn(body: unknown): string | null {
  return typeof body === 'object' && body !== null && 'hint' in body ? String(body.hint) : null;
}
