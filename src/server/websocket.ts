import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { MAX_FRAME } from '../wire/frames.ts';
import { SUBPROTOCOL } from '../wire/version.ts';
import type { AddressReader } from './addresses.ts';
import type { Connection, Transport } from './connection.ts';

const PATH = '/v1/link';
const PING_MS = 30_000;
/** Bytes that may wait for a peer that does not read. */
const MAX_BUFFERED = 4 * MAX_FRAME;

export type WebSocketParts = {
  remoteOf: AddressReader;
  open(transport: Transport): Connection;
  /** Whether one more connection from this address may be opened; to be given back when it has a session or ended. */
  limits: { connections: number; pendingPerAddress: number };
};

export type WebSocketDoor = { close(): void };

/** Serves the link over WebSocket on `GET /v1/link`. */
export function serveWebSockets(server: Server, parts: WebSocketParts): WebSocketDoor {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  const pending = createPending(parts.limits.pendingPerAddress);

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refusal = refusalFor(request);
    const remote = parts.remoteOf(request);
    if (refusal !== null) return refuse(socket, refusal);
    if (sockets.clients.size >= parts.limits.connections || !pending.enter(remote))
      return refuse(socket, 503);
    sockets.handleUpgrade(request, socket, head, (opened) => {
      attach(opened, remote, parts, () => pending.leave(remote));
    });
  });

  const pings = setInterval(() => sockets.clients.forEach(pingOrEnd), PING_MS);
  return {
    close() {
      clearInterval(pings);
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
    },
  };
}

function refusalFor(request: IncomingMessage): number | null {
  const { pathname } = new URL(request.url ?? '/', 'https://any');
  if (pathname !== PATH) return 404;
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.includes(SUBPROTOCOL) ? null : 400;
}

function refuse(socket: Duplex, status: number): void {
  socket.on('error', () => {});
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
  );
}

function attach(socket: WebSocket, remote: string, parts: WebSocketParts, admitted: () => void): void {
  let isPending = true;
  const settle = () => {
    if (isPending) admitted();
    isPending = false;
  };
  answering.set(socket, true);
  socket.on('pong', () => answering.set(socket, true));
  socket.on('error', () => socket.terminate());
  const connection = parts.open({
    remote,
    send(frame) {
      if (frame.t === 'welcome') settle();
      if (socket.bufferedAmount > MAX_BUFFERED) socket.terminate();
      else socket.send(JSON.stringify(frame));
    },
    close: () => socket.close(1000),
  });
  socket.on('message', (data, isBinary) => connection.receive(isBinary ? '' : String(data)));
  socket.on('close', () => {
    settle();
    connection.ended();
  });
}

/** Whether a socket has answered since the last ping. */
const answering = new WeakMap<WebSocket, boolean>();

function pingOrEnd(socket: WebSocket): void {
  if (answering.get(socket) !== true) return socket.terminate();
  answering.set(socket, false);
  socket.ping();
}

/** Counts connections without a session for each address. */
function createPending(most: number) {
  const counts = new Map<string, number>();
  return {
    enter(remote: string): boolean {
      const count = counts.get(remote) ?? 0;
      if (count >= most) return false;
      counts.set(remote, count + 1);
      return true;
    },
    leave(remote: string): void {
      const count = (counts.get(remote) ?? 1) - 1;
      if (count > 0) counts.set(remote, count);
      else counts.delete(remote);
    },
  };
}
