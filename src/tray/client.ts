import type { Duplex } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { parseJson } from '../base/json.ts';
import { lineCutter } from '../wire/lines.ts';
import { MAX_ANSWER, trayAnswer, type TrayAnswer, type TrayAsk, type TrayStatus } from '../wire/tray.ts';

/** Milliseconds between attempts to reach the agent: the first ones, and at most. */
const RETRY_MS = 3_000;
const MAX_RETRY_MS = 30_000;
/** Attempts at the first pace: an agent that is being updated is back by then. */
const QUICK_ATTEMPTS = 5;
/** How often an agent that says nothing by itself is asked, and how long it has to answer. */
const PULSE_MS = 60_000;
const ANSWER_MS = 15_000;
/** A fix or a reading of everything may take this long. */
const WORK_MS = 120_000;

/** The agent could not be reached, or did not answer in time. */
export class Unreachable extends Error {
  override name = 'Unreachable';
}

export type TrayClient = {
  /** The agent's last word; null while it cannot be reached. */
  readonly status: TrayStatus | null;
  /** Called at every change of `status`. Returns the way to stop listening. */
  watch(listener: (status: TrayStatus | null) => void): () => void;
  /** Asks for something. A refusal is an answer; rejects with `Unreachable` only. */
  ask(request: TrayAsk): Promise<TrayAnswer>;
  /** Keeps the connection until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
};

/** Opens a connection whose other end is known to be the agent. Rejects when there is none. */
export type Connect = (signal: AbortSignal) => Promise<Duplex>;

/** `answerMs`: how long an agent has to answer before it is taken to be gone. */
export function createTrayClient(connect: Connect, clock: Clock, answerMs = ANSWER_MS): TrayClient {
  const listeners = new Set<(status: TrayStatus | null) => void>();
  let status: TrayStatus | null = null;
  let talk: Talk | null = null;
  const set = (next: TrayStatus | null) => {
    if (next === null && status === null) return;
    status = next;
    for (const listener of listeners) listener(status);
  };
  const once = async (signal: AbortSignal): Promise<boolean> => {
    const socket = await connect(signal).catch(() => null);
    if (socket === null) return false;
    talk = openTalk(socket, set);
    const wasHeard = await converse(talk, clock, answerMs, signal);
    talk = null;
    set(null);
    return wasHeard;
  };
  return {
    get status() {
      return status;
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async ask(request) {
      if (talk === null) throw new Unreachable('the agent does not answer');
      return talk.ask(request, request.verb === 'status' ? answerMs : WORK_MS);
    },
    async run(signal) {
      for (let failures = 0; !signal.aborted; failures += 1) {
        if (await once(signal)) failures = 0;
        await clock.sleep(retryMs(failures), signal).catch(() => {});
      }
    },
  };
}

/** Milliseconds to wait after so many attempts in a row that failed. */
export function retryMs(failures: number): number {
  return Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.max(0, failures - QUICK_ATTEMPTS));
}

/** Watches, and asks now and then whether anybody is still there. Returns whether the agent ever answered. */
async function converse(talk: Talk, clock: Clock, answerMs: number, signal: AbortSignal): Promise<boolean> {
  const stop = () => talk.end();
  signal.addEventListener('abort', stop, { once: true });
  let wasHeard = false;
  try {
    await talk.ask({ verb: 'status', watch: true }, answerMs);
    wasHeard = true;
    for (;;) {
      const pulse = new AbortController();
      const slept = clock.sleep(PULSE_MS, pulse.signal).catch(() => {});
      await Promise.race([slept, talk.ended]);
      pulse.abort();
      await talk.ask({ verb: 'status' }, answerMs);
    }
  } catch {
    talk.end();
    await talk.ended;
    return wasHeard;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** One connection. */
type Talk = {
  ask(request: TrayAsk, ms: number): Promise<TrayAnswer>;
  end(): void;
  ended: Promise<void>;
};

function openTalk(socket: Duplex, onStatus: (status: TrayStatus) => void): Talk {
  const waiting = new Map<number, (answer: TrayAnswer | null) => void>();
  const cut = lineCutter(MAX_ANSWER);
  let next = 1;
  const take = (line: string) => {
    const parsed = trayAnswer().safeParse(parseJson(line));
    if (!parsed.success || parsed.data.id === null) return void socket.destroy();
    if (parsed.data.ok) onStatus(parsed.data.status);
    waiting.get(parsed.data.id)?.(parsed.data);
  };
  socket.on('data', (chunk: Buffer) => {
    const lines = cut(chunk);
    if (lines === null) socket.destroy();
    for (const line of lines ?? []) if (!socket.destroyed) take(line);
  });
  socket.on('error', () => {});
  socket.on('end', () => socket.destroy());
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => {
      for (const settle of waiting.values()) settle(null);
      resolve();
    });
  });
  return {
    ended,
    end: () => void socket.destroy(),
    ask(request, ms) {
      if (socket.destroyed) return Promise.reject(new Unreachable('the agent does not answer'));
      const id = next++;
      return new Promise((resolve, reject) => {
        const settle = (answer: TrayAnswer | null) => {
          clearTimeout(timer);
          waiting.delete(id);
          if (answer === null) reject(new Unreachable('the agent does not answer'));
          else resolve(answer);
        };
        const timer = setTimeout(() => settle(null), ms);
        waiting.set(id, settle);
        socket.write(`${JSON.stringify({ ...request, id })}\n`);
      });
    },
  };
}
