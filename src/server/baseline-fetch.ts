import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { messageOf } from '../base/errors.ts';
import { err, ok, type Result } from '../base/result.ts';

const TIMEOUT_MS = 20_000;

/** `ca` is an authority (PEM) to trust instead of the system's. */
type Limits = { maxBytes: number; timeoutMs?: number; ca?: string | undefined };

/**
 * Fetches a text over HTTPS. Redirects are not followed: where to is somebody else's word. The error is a sentence
 * for a person.
 */
export function fetchText(
  address: string,
  { maxBytes, timeoutMs = TIMEOUT_MS, ca }: Limits,
): Promise<Result<string, string>> {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.protocol !== 'https:') return Promise.resolve(err('Only https:// addresses are fetched.'));
  if (url.username !== '' || url.password !== '')
    return Promise.resolve(err('An address with a password in it is not fetched: it would end up in logs.'));
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const options = {
      signal,
      headers: { 'user-agent': 'drawbridge-server' },
      ...(ca !== undefined && { ca }),
    };
    const outgoing = request(url, options, (incoming) => {
      receive(incoming, maxBytes).then(resolve, (error: unknown) => resolve(failed(url, error)));
    });
    outgoing.once('error', (error) => resolve(failed(url, error)));
    outgoing.end();
  });
}

async function receive(incoming: IncomingMessage, maxBytes: number): Promise<Result<string, string>> {
  const { statusCode = 0 } = incoming;
  if (statusCode >= 300 && statusCode < 400)
    return refuse(incoming, 'It is a redirect, which is not followed; name the address that it leads to.');
  if (statusCode !== 200) return refuse(incoming, `It answered ${statusCode}.`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) return refuse(incoming, `It is larger than ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return ok(Buffer.concat(chunks).toString('utf8'));
}

function refuse(incoming: IncomingMessage, why: string): Result<never, string> {
  incoming.destroy();
  return err(why);
}

function failed(url: URL, error: unknown): Result<never, string> {
  const { code } = error as NodeJS.ErrnoException;
  return err(`${url.host} could not be asked: ${code ?? messageOf(error)}.`);
}
