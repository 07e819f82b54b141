import type { Agent } from 'node:https';
import type { z } from 'zod';
import { linkResponse, type AgentFrame } from '../wire/frames.ts';
import { agentFor, postJson } from './http.ts';
import { CONNECT_MS, FrameQueue, type ConnectOptions, type Transport } from './transport.ts';
import { createTurns } from './turns.ts';

/** The server holds an empty request for up to 20 s. */
const POLL_MS = 40_000;

const MAX_BYTES = 16 * 1024 * 1024;

type Response = z.infer<typeof linkResponse>;
type Post = (link: string | null, frames: AgentFrame[], timeoutMs: number) => Promise<Response>;

/**
 * The same conversation in HTTPS requests, for networks that let nothing else through. One request without frames
 * is always open, so that the server can speak at any time; each frame of ours goes in a request of its own.
 */
export async function connectHttps(options: ConnectOptions): Promise<Transport> {
  const control = new AbortController();
  const signal = AbortSignal.any([options.signal, control.signal]);
  const agent = agentFor(options.route, true);
  const post = poster(options, agent, signal);
  try {
    const first = await post(null, [], CONNECT_MS);
    signal.addEventListener('abort', () => agent.destroy(), { once: true });
    return transportOver(post, first, control);
  } catch (error) {
    agent.destroy();
    throw error;
  }
}

function poster({ route, trust }: ConnectOptions, agent: Agent, signal: AbortSignal): Post {
  return async (link, frames, timeoutMs) => {
    const limits = { trust, agent, signal, timeoutMs, maxBytes: MAX_BYTES };
    const answer = await postJson(route, '/v1/link', { link, frames }, limits);
    const response = linkResponse.safeParse(answer.body);
    if (answer.status !== 200 || !response.success) throw new Error(`HTTP ${answer.status} on /v1/link`);
    return response.data;
  };
}

function transportOver(post: Post, first: Response, control: AbortController): Transport {
  const { link } = first;
  const { signal } = control;
  const queue = new FrameQueue();
  const close = () => {
    queue.end();
    control.abort();
  };
  const take = (response: Response) => {
    const fits = response.frames.every((frame) => queue.put(frame));
    if (response.closed || !fits) close();
  };
  const exchange = (frames: AgentFrame[]) => post(link, frames, POLL_MS).then(take, close);
  const poll = async () => {
    while (!signal.aborted) await exchange([]);
  };
  take(first);
  void poll();
  // One after the other: two requests on their way at once could arrive in either order.
  const inTurn = createTurns();
  return {
    kind: 'https',
    send: (frame) => void inTurn(async () => (signal.aborted ? undefined : exchange([frame]))),
    receive: () => queue.receive(),
    close,
  };
}
