import type { Duplex } from 'node:stream';
import type { Actor } from '../base/actors.ts';
import type { Clock } from '../base/clock.ts';
import { parseJson } from '../base/json.ts';
import type { Logger } from '../base/log.ts';
import type { Result } from '../base/result.ts';
import { err, ok } from '../base/result.ts';
import { lineCutter } from '../wire/lines.ts';
import {
  MAX_REQUEST,
  trayRequest,
  type TrayAnswer,
  type TrayRefusal,
  type TrayRequest,
  type TrayStatus,
} from '../wire/tray.ts';
import type { Bell } from './bell.ts';
import type { TrayCaller, TrayDoor } from './tray-door.ts';
import { createLimits, type Limits } from './tray-limits.ts';

export type Refusal = { code: TrayRefusal; text: string };

/** Does what users ask for. Never rejects. */
export type TrayDesk = {
  status(): TrayStatus;
  /** Rings when the status says something else. */
  changed: Bell<void>;
  /** What was done, in words where there is more to say than the status shows. */
  act(request: Exclude<TrayRequest, { verb: 'status' }>): Promise<Result<string | null, Refusal>>;
};

export type TrayGateParts = { door: TrayDoor; desk: TrayDesk; clock: Clock; log: Logger };

/** Connections of one user at a time, and requests that one of them may have open. */
const MAX_CONNECTIONS = 8;
const MAX_OPEN = 8;
/** A connection that has asked for nothing after these milliseconds is closed. */
const FIRST_REQUEST_MS = 30_000;
/** Bytes that may wait for a user who does not read. */
const MAX_UNREAD = 1024 * 1024;

/** The agent's side of the channel to the users' trays. */
export function createTrayGate(parts: TrayGateParts): Actor {
  const { door, clock, log } = parts;
  const limits = createLimits(clock);
  const open = new Map<string, Set<Duplex>>();
  return {
    name: 'tray-gate',
    async run(signal) {
      const whenOver = aborted(signal);
      try {
        await door.open((caller) => admit(caller, open, limits, parts), signal);
      } catch (error) {
        // Users see nothing then; the rest of the agent is more important than that.
        log.error({ err: error }, 'no tray can be served');
        await whenOver;
      }
      for (const sockets of open.values()) for (const socket of sockets) socket.destroy();
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function admit(
  { user, socket }: TrayCaller,
  open: Map<string, Set<Duplex>>,
  limits: Limits,
  parts: TrayGateParts,
): void {
  const own = open.get(user) ?? new Set();
  open.set(user, own);
  socket.on('error', () => {});
  if (own.size >= MAX_CONNECTIONS) {
    parts.log.warn({ user }, 'too many connections of one user’s trays');
    socket.destroy();
    return;
  }
  own.add(socket);
  const stop = talk({ user, socket }, limits, parts);
  socket.once('close', () => {
    stop();
    own.delete(socket);
    if (own.size === 0) open.delete(user);
  });
}

/** Answers one connection's requests. Returns what is to be done when it has ended. */
function talk({ user, socket }: TrayCaller, limits: Limits, { desk, log }: TrayGateParts): () => void {
  const cut = lineCutter(MAX_REQUEST);
  const watching = new Map<number, string>();
  let working = 0;
  const send = (answer: TrayAnswer) => {
    if (socket.destroyed) return;
    if (socket.writableLength > MAX_UNREAD) return void socket.destroy();
    socket.write(`${JSON.stringify(answer)}\n`);
  };
  const refuse = (id: number, { code, text }: Refusal) => send({ id, ok: false, code, text });
  const tell = (id: number, text: string | null = null) => {
    const status = desk.status();
    if (watching.has(id)) watching.set(id, essence(status));
    send({ id, ok: true, status, text });
  };
  const take = async (request: TrayRequest) => {
    const { id, verb } = request;
    if (!limits.take(user, verb)) return refuse(id, tooOften);
    if (request.verb === 'status') {
      if (request.watch && watching.size < MAX_OPEN) watching.set(id, '');
      return tell(id);
    }
    if (working >= MAX_OPEN) return refuse(id, tooMany);
    working += 1;
    const done = await desk.act(request);
    working -= 1;
    log.info(
      { user, asked: wordsOf(request), outcome: done.ok ? 'done' : done.error.code },
      'a user has asked',
    );
    if (done.ok) tell(id, done.value);
    else refuse(id, done.error);
  };
  const first = setTimeout(() => socket.destroy(), FIRST_REQUEST_MS).unref();
  const giveUp = () => {
    log.warn({ user }, 'a user’s tray says what is no request');
    socket.end(`${JSON.stringify({ id: null, ok: false, ...malformed })}\n`);
    socket.removeAllListeners('data');
    socket.resume();
  };
  socket.on('data', (chunk: Buffer) => {
    for (const line of cut(chunk) ?? [null]) {
      const request = parseRequest(line);
      if (!request.ok) return giveUp();
      clearTimeout(first);
      void take(request.value);
    }
  });
  const stopListening = desk.changed.listen(() => {
    for (const [id, before] of watching) if (essence(desk.status()) !== before) tell(id);
  });
  return () => {
    clearTimeout(first);
    stopListening();
  };
}

const malformed: Refusal = { code: 'malformed', text: 'This is not a request; see docs/tray.md.' };
const tooOften: Refusal = { code: 'rate-limited', text: 'Asked too often; try again in a minute.' };
const tooMany: Refusal = { code: 'busy', text: 'Too much is being done at once; try again in a moment.' };

/** Null: the line was too long. */
function parseRequest(line: string | null): Result<TrayRequest, null> {
  if (line === null) return err(null);
  const parsed = trayRequest.safeParse(parseJson(line));
  return parsed.success ? ok(parsed.data) : err(null);
}

function wordsOf(request: TrayRequest): string {
  switch (request.verb) {
    case 'recheck':
      return `recheck ${request.check ?? 'all'}`;
    case 'snooze':
      return `snooze ${request.hours} h`;
    case 'fix':
      return `fix ${request.fix}`;
    default:
      return request.verb;
  }
}

/** What a status says apart from when. */
function essence(status: TrayStatus): string {
  return JSON.stringify({ ...status, at: '' });
}
