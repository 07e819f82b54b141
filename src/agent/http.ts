import { Agent, request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { parseJson } from '../base/json.ts';
import { proxyFor, type ProxySetting } from './proxy.ts';
import { publicAuthorities, type Trust } from './trust.ts';

/** How the server is reached: the same for enrolment, WebSocket and HTTPS. */
export type Route = {
  /** The server's base address, `https://host[:port]`. */
  url: URL;
  proxy: ProxySetting;
  env: Readonly<Record<string, string | undefined>>;
};

export type Answer = { status: number; body: unknown };

export type PostOptions = {
  /** `unverified` only for what is not secret and proves itself otherwise. */
  trust: Trust | 'unverified';
  timeoutMs: number;
  maxBytes: number;
  signal?: AbortSignal;
  agent?: Agent;
};

/** An HTTP agent for `route`: through its proxy where it has one. */
export function agentFor(route: Route, keepAlive = false): Agent {
  const proxy = proxyFor(route.url, route.proxy, route.env);
  if (proxy === null) return new Agent({ keepAlive });
  const agent = new HttpsProxyAgent(proxy, { keepAlive });
  // For the way to the proxy alone: an option of the agent would also be one for the server behind it.
  if (proxy.protocol === 'https:') Object.assign(agent.connectOpts, { ca: publicAuthorities() });
  return agent;
}

/** Posts JSON and reads JSON (undefined where the answer is none). Rejects on network, TLS, timeout and oversize. */
export function postJson(route: Route, path: string, value: unknown, options: PostOptions): Promise<Answer> {
  const body = JSON.stringify(value);
  const signal = AbortSignal.any([
    AbortSignal.timeout(options.timeoutMs),
    ...(options.signal === undefined ? [] : [options.signal]),
  ]);
  const settings: RequestOptions = {
    method: 'POST',
    agent: options.agent ?? agentFor(route),
    headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    signal,
    ...tlsOf(options.trust),
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, route.url), settings, (incoming) => {
      readAnswer(incoming, options.maxBytes).then(resolve, reject);
    });
    // Stays for good: aborting may bring a second error, which nobody waits for.
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function tlsOf(trust: Trust | 'unverified'): RequestOptions {
  return trust === 'unverified' ? { rejectUnauthorized: false } : { ca: trust.ca };
}

async function readAnswer(incoming: IncomingMessage, maxBytes: number): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return { status: incoming.statusCode ?? 0, body: parseJson(Buffer.concat(chunks).toString('utf8')) };
}
