import { request } from 'node:https';
import { parseJson } from '../base/json.ts';

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 64 * 1024 * 1024;

export type Answer = { status: number; body: unknown };

/** How an administrator's request proves itself, and which authority it trusts (the system's where there is none). */
export type Credentials = { token: string; ca: string | undefined };

/** One request to the administrator's API. Null where nobody listens; rejects on TLS, timeout and oversize. */
export function adminRequest(url: URL, { token, ca }: Credentials, body?: object): Promise<Answer | null> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const method = body === undefined ? 'GET' : 'POST';
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
      incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, body: parseJson(text) }));
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error(`${url.host} does not answer`)));
    outgoing.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNREFUSED' ? resolve(null) : reject(error),
    );
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
