import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { MAX_FRAME } from '../wire/frames.ts';
import { SUBPROTOCOL } from '../wire/version.ts';
import type { AddressReader } from './addresses.ts';
import type { Connection, Transport } from './connection.ts';
import type { Pending } from './pending.ts';

const PATH = '/v1/link';
const PING_MS = 30_000;
/** Bytes that may wait for a peer that does not read. */
const MAX_BUFFERED = 4 * MAX_FRAME;

export type LinkParts = {
  remoteOf: AddressReader;
  open(transport: Transport): Connection;
  pending: Pending;
  /** Of each kind of transport. */
  maxConnections: number;
};

/** Serves the link over WebSocket on `GET /v1/link`. Has to be closed. */
export function serveWebSockets(server: Server, parts: LinkParts): { close(): void } {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgrade(sockets, parts, request, socket, head);
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

function upgrade(
  sockets: WebSocketServer,
  parts: LinkParts,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const refusal = refusalFor(request);
  if (refusal !== null) return refuse(socket, refusal);
  const remote = parts.remoteOf(request);
  const leave = sockets.clients.size < parts.maxConnections ? parts.pending.enter(remote) : null;
  if (leave === null) return refuse(socket, 503);
  // A peer that is gone before the handshake ends has no WebSocket whose end could be noticed.
  socket.once('close', leave);
  sockets.handleUpgrade(request, socket, head, (opened) => attach(opened, remote, parts, leave));
}

function refusalFor(request: IncomingMessage): number | null {
  // Not by way of URL: whatever stands here is the peer's, and much of it is no URL.
  if (request.url?.split('?')[0] !== PATH) return 404;
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.includes(SUBPROTOCOL) ? null : 400;
}

function refuse(socket: Duplex, status: number): void {
  socket.on('error', () => {});
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`;
  socket.end(`${head}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function attach(socket: WebSocket, remote: string, parts: LinkParts, admitted: () => void): void {
  answering.set(socket, true);
  socket.on('pong', () => answering.set(socket, true));
  socket.on('error', () => socket.terminate());
  const connection = parts.open({
    remote,
    send(frame) {
      if (frame.t === 'welcome') admitted();
      if (socket.bufferedAmount > MAX_BUFFERED) socket.terminate();
      else socket.send(JSON.stringify(frame));
    },
    close: () => socket.close(1000),
  });
  socket.on('message', (data, isBinary) => connection.receive(isBinary ? '' : String(data)));
  socket.on('close', () => connection.ended());
}

/** Whether a socket has answered since the last ping. */
const answering = new WeakMap<WebSocket, boolean>();

function pingOrEnd(socket: WebSocket): void {
  if (answering.get(socket) !== true) return socket.terminate();
  answering.set(socket, false);
  socket.ping();
}
