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

export type FrameQueue = {
  /** False when there are too many. */
  put(frame: ServerFrame): boolean;
  end(): void;
  receive(): Promise<ServerFrame | null>;
};

/** Holds what a transport received until it is asked for. */
export function createFrameQueue(): FrameQueue {
  const frames: ServerFrame[] = [];
  let ended = false;
  let wake: (() => void) | null = null;
  return {
    put(frame) {
      frames.push(frame);
      wake?.();
      return frames.length <= MAX_WAITING;
    },
    end() {
      ended = true;
      wake?.();
    },
    async receive() {
      while (frames.length === 0 && !ended) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return frames.shift() ?? null;
    },
  };
}
