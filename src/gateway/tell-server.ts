import { request } from 'node:https';
import { messageOf } from '../base/errors.ts';
import type { PeerEvent } from './events.ts';

/** What the posture servers are reached by. */
export type ServerRoute = { urls: readonly string[]; ca: string; credential: string; timeoutMs: number };

/**
 * Tells the first server that takes it who came or went: `POST /v1/gateway/identity`. Rejects when none does; then it has
 * to be told again. The servers keep one table, so one is enough.
 */
export async function tellIdentity(
  route: ServerRoute,
  { event, peerAddress, peerId, proof, at }: PeerEvent,
): Promise<void> {
  const body = JSON.stringify({ event, peerAddress, peerId, proof, at: new Date(at).toISOString() });
  const problems: string[] = [];
  for (const url of route.urls) {
    try {
      const status = await post(route, new URL('/v1/gateway/identity', url), body);
      // What a server refuses as malformed, it will refuse again.
      if ((status >= 200 && status < 300) || status === 400) return;
      problems.push(`${url}: status ${status}`);
    } catch (error) {
      problems.push(`${url}: ${messageOf(error)}`);
    }
  }
  throw new Error(problems.join('; '));
}

function post({ ca, credential, timeoutMs }: ServerRoute, url: URL, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = {
      method: 'POST',
      ca,
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        authorization: `Bearer ${credential}`,
      },
    };
    const outgoing = request(url, options, (incoming) => {
      incoming.resume().on('error', reject);
      incoming.on('end', () => resolve(incoming.statusCode ?? 0));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
