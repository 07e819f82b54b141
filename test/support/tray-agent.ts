import { chmodSync, mkdirSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { lineCutter } from '../../src/wire/lines.ts';
import { traySocket } from '../../src/wire/tray-address.ts';
import {
  trayAnswer,
  trayRequest,
  trayStatus,
  type TrayAnswer,
  type TrayProblem,
  type TrayRequest,
  type TrayStatus,
} from '../../src/wire/tray.ts';

const NOW = '2026-11-24T09:00:00.000Z';

export function problemOf(change: Partial<TrayProblem> = {}): TrayProblem {
  return {
    check: 'firewall',
    reason: 'firewall-off',
    level: 'fail',
    expected: 'a firewall that is on',
    given: 'off',
    sentence: 'Your firewall is off.',
    since: NOW,
    deadline: null,
    then: null,
    fixes: [],
    snoozedUntil: null,
    mayRecheck: true,
    ...change,
  };
}

/** A status as an agent gives it: all well, unless changed. */
export function statusOf(change: Partial<TrayStatus> = {}): TrayStatus {
  return trayStatus().parse({
    at: NOW,
    colour: 'green',
    because: 'good',
    decision: null,
    risk: { score: 0, level: 'low' },
    problems: [],
    quiet: false,
    vpn: { driver: 'NetworkManager', live: false, isolated: false, held: [], reconnect: 'possible' },
    agent: {
      version: '0.1.0',
      startedAt: NOW,
      server: 'https://posture.example.com',
      device: 'device',
      enrolment: 'enrolled',
      connected: true,
      connectionSince: NOW,
      offline: null,
      lastReportAt: NOW,
      lastAckAt: NOW,
    },
    device: { platform: 'linux', family: 'debian', version: '12', build: null, display: 'Debian 12' },
    days: [],
    collected: [],
    ...change,
  });
}

/** Speaks as the agent does, by the real schema, and says what the test wants. */
export class TrayAgent {
  readonly asked: TrayRequest[] = [];
  /** What the next requests are refused with; null: they are met. */
  refusal: 'held' | 'failed' | null = null;
  /** Takes requests and answers none. */
  hangs = false;
  #server: Server | null = null;
  #watchers = new Map<Socket, number>();
  #status: TrayStatus;

  readonly path: string;

  constructor(folder: string, status: TrayStatus) {
    this.path = traySocket(folder, process.getuid?.() ?? 0);
    this.#status = status;
  }

  async start(): Promise<void> {
    mkdirSync(dirname(this.path), { recursive: true });
    chmodSync(dirname(this.path), 0o700);
    const server = createServer((socket) => this.#serve(socket));
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.path, resolve));
  }

  say(status: TrayStatus): void {
    this.#status = status;
    for (const [socket, id] of this.#watchers) send(socket, { id, ok: true, status, text: null });
  }

  async stop(): Promise<void> {
    for (const socket of this.#watchers.keys()) socket.destroy();
    const server = this.#server;
    await new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
  }

  #serve(socket: Socket): void {
    const cut = lineCutter(1_024);
    socket.on('error', () => {});
    socket.on('close', () => this.#watchers.delete(socket));
    socket.on('data', (chunk: Buffer) => {
      for (const line of cut(chunk) ?? []) this.#answer(socket, trayRequest.parse(JSON.parse(line)));
    });
  }

  #answer(socket: Socket, request: TrayRequest): void {
    if (this.hangs) return;
    if (request.verb !== 'status') this.asked.push(request);
    else if (request.watch) this.#watchers.set(socket, request.id);
    const { id } = request;
    if (request.verb !== 'status' && this.refusal !== null)
      send(socket, { id, ok: false, code: this.refusal, text: 'no' });
    else send(socket, { id, ok: true, status: this.#status, text: null });
  }
}

function send(socket: Socket, answer: TrayAnswer): void {
  socket.write(`${JSON.stringify(trayAnswer().parse(answer))}\n`);
}
