import type { AgentFrame, ServerFrame } from '../wire/frames.ts';
import type { Route } from './http.ts';
import type { Trust } from './trust.ts';

export type TransportKind = 'websocket' | 'https';

/** One connection to the server, whatever carries it. */
export type Transport = {
  readonly kind: TransportKind;
  /** Never throws: on a connection that has ended, the frame is lost and `receive` says so. */
  send(frame: AgentFrame): void;
  /** The server's next frame, or null once the connection has ended. Frames of an unknown kind are passed over. */
  receive(): Promise<ServerFrame | null>;
  close(): void;
};

export type ConnectOptions = { route: Route; trust: Trust; signal: AbortSignal };

/** Milliseconds for TCP, proxy, TLS and upgrade together, and again for the server's first frame. */
export const CONNECT_MS = 10_000;

/** Frames that may wait unread; a server that sends more is not ours. */
const MAX_WAITING = 256;

/** Holds what a transport received until it is asked for. */
export class FrameQueue {
  readonly #frames: ServerFrame[] = [];
  #ended = false;
  #wake: () => void = () => {};

  /** False when there are too many. */
  put(frame: ServerFrame): boolean {
    this.#frames.push(frame);
    this.#wake();
    return this.#frames.length <= MAX_WAITING;
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async receive(): Promise<ServerFrame | null> {
    while (this.#frames.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#frames.shift() ?? null;
  }
}
