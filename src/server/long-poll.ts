import type { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import type { AgentFrame, linkResponse, ServerFrame } from '../wire/frames.ts';
import type { Connection, Transport } from './connection.ts';
import { freshNonce } from './nonces.ts';

type LinkResponse = z.infer<typeof linkResponse>;

/** How long a request without frames is held, and how long a link lives without a request. */
const HOLD_MS = 20_000;
const IDLE_MS = 60_000;
/** After frames were taken, how long their answers are waited for. */
const ANSWER_MS = 5_000;
const MAX_FRAMES = 64;

/** The link over HTTPS, for networks that block WebSocket: the same frames, in requests and answers. */
export type LongPoll = {
  /** Null for a link that this address does not have. */
  exchange(remote: string, link: string | null, frames: readonly AgentFrame[]): Promise<LinkResponse | null>;
  close(): void;
};

type Link = {
  id: string;
  remote: string;
  connection: Connection;
  outbox: ServerFrame[];
  closed: boolean;
  wake: () => void;
  usedAt: number;
};

export function createLongPoll(parts: {
  clock: Clock;
  open(transport: Transport): Connection;
  limits: { connections: number };
}): LongPoll {
  const { clock, open, limits } = parts;
  const links = new Map<string, Link>();

  function start(remote: string): Link | null {
    if (links.size >= limits.connections) return null;
    const link: Omit<Link, 'connection'> = {
      id: freshNonce(),
      remote,
      outbox: [],
      closed: false,
      wake: () => {},
      usedAt: clock.now(),
    };
    const connection = open({
      remote,
      send(frame) {
        link.outbox.push(frame);
        if (link.outbox.length > MAX_FRAMES) link.closed = true;
        link.wake();
      },
      close() {
        link.closed = true;
        link.wake();
      },
    });
    const whole = Object.assign(link, { connection });
    links.set(link.id, whole);
    return whole;
  }

  function end(link: Link): void {
    links.delete(link.id);
    link.connection.ended();
  }

  const sweep = setInterval(() => {
    for (const link of links.values()) if (clock.now() - link.usedAt > IDLE_MS) end(link);
  }, IDLE_MS / 4);

  return {
    async exchange(remote, id, frames) {
      const known = id === null ? start(remote) : links.get(id);
      if (!known || known.remote !== remote) return null;
      known.usedAt = clock.now();
      for (const frame of frames) known.connection.receive(JSON.stringify(frame));
      await somethingToSay(known, frames.length > 0 ? ANSWER_MS : HOLD_MS);
      known.usedAt = clock.now();
      const said = known.outbox.splice(0, MAX_FRAMES);
      if (known.closed) end(known);
      return { link: known.id, frames: said, closed: known.closed };
    },
    close() {
      clearInterval(sweep);
      for (const link of links.values()) {
        link.wake();
        end(link);
      }
    },
  };
}

/** Resolves when the link has a frame to deliver, has closed, or after `ms`. A later request relieves an earlier one. */
function somethingToSay(link: Link, ms: number): Promise<void> {
  link.wake();
  if (link.outbox.length > 0 || link.closed) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    link.wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
