import type { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import type { AgentFrame, linkResponse, ServerFrame } from '../wire/frames.ts';
import type { Connection, Transport } from './connection.ts';
import { freshNonce } from './nonces.ts';
import type { Pending } from './pending.ts';

type LinkResponse = z.infer<typeof linkResponse>;

/** How long a request without frames is held, and how long a link lives without a request. */
const HOLD_MS = 20_000;
const IDLE_MS = 60_000;
/** After frames were taken, how long their answers are waited for. */
const ANSWER_MS = 5_000;
const MAX_FRAMES = 64;

export type LongPollParts = {
  clock: Clock;
  open(transport: Transport): Connection;
  pending: Pending;
  maxConnections: number;
};

/** What is there to be said on one link, and whoever waits for it. */
class Outbox {
  #frames: ServerFrame[] = [];
  #wake: () => void = () => {};
  isClosed = false;

  put(frame: ServerFrame): void {
    this.#frames.push(frame);
    // A peer that fetches nothing is not there any more.
    if (this.#frames.length > MAX_FRAMES) this.isClosed = true;
    this.#wake();
  }

  close(): void {
    this.isClosed = true;
    this.#wake();
  }

  take(): ServerFrame[] {
    return this.#frames.splice(0, MAX_FRAMES);
  }

  /** Resolves when there is a frame, the link has closed, or after `ms`. A later caller relieves an earlier one. */
  wait(ms: number): Promise<void> {
    this.#wake();
    if (this.#frames.length > 0 || this.isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

type Link = {
  id: string;
  remote: string;
  connection: Connection;
  outbox: Outbox;
  leave(): void;
  usedAt: number;
};

/** The link over HTTPS, for networks that block WebSocket: the same frames, in requests and answers. */
export class LongPoll {
  readonly #parts: LongPollParts;
  readonly #links = new Map<string, Link>();
  readonly #sweep: NodeJS.Timeout;

  /** Has to be closed. */
  constructor(parts: LongPollParts) {
    this.#parts = parts;
    this.#sweep = setInterval(() => this.#endIdle(), IDLE_MS / 4);
  }

  /** One request; null for a link that this address does not have, or may not open now. */
  async exchange(
    remote: string,
    id: string | null,
    frames: readonly AgentFrame[],
  ): Promise<LinkResponse | null> {
    const link = id === null ? this.#start(remote) : this.#links.get(id);
    if (!link || link.remote !== remote) return null;
    link.usedAt = this.#parts.clock.now();
    for (const frame of frames) link.connection.receive(JSON.stringify(frame));
    await link.outbox.wait(frames.length > 0 ? ANSWER_MS : HOLD_MS);
    link.usedAt = this.#parts.clock.now();
    const closed = link.outbox.isClosed;
    if (closed) this.#end(link);
    return { link: link.id, frames: link.outbox.take(), closed };
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const link of this.#links.values()) {
      link.outbox.close();
      this.#end(link);
    }
  }

  #start(remote: string): Link | null {
    const { clock, open, pending, maxConnections } = this.#parts;
    const leave = this.#links.size < maxConnections ? pending.enter(remote) : null;
    if (leave === null) return null;
    const outbox = new Outbox();
    const connection = open({
      remote,
      send(frame) {
        if (frame.t === 'welcome') leave();
        outbox.put(frame);
      },
      close: () => outbox.close(),
    });
    const link = { id: freshNonce(), remote, connection, outbox, leave, usedAt: clock.now() };
    this.#links.set(link.id, link);
    return link;
  }

  #endIdle(): void {
    const since = this.#parts.clock.now() - IDLE_MS;
    for (const link of this.#links.values()) if (link.usedAt < since) this.#end(link);
  }

  #end(link: Link): void {
    this.#links.delete(link.id);
    link.leave();
    link.connection.ended();
  }
}
