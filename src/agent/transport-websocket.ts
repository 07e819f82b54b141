import { WebSocket, type ClientOptions } from 'ws';
import { MAX_FRAME, parseFrame, serverFrame } from '../wire/frames.ts';
import { SUBPROTOCOL } from '../wire/version.ts';
import { agentFor } from './http.ts';
import { CONNECT_MS, FrameQueue, type ConnectOptions, type Transport } from './transport.ts';

/** Milliseconds between pings; two without an answer end the connection. */
const PING_MS = 20_000;

/** Rejects when the WebSocket cannot be opened, for whatever reason. */
export async function connectWebSocket({ route, trust, signal }: ConnectOptions): Promise<Transport> {
  const url = new URL('/v1/link', route.url);
  url.protocol = 'wss:';
  const options: ClientOptions = {
    agent: agentFor(route),
    ca: trust.ca,
    handshakeTimeout: CONNECT_MS,
    maxPayload: MAX_FRAME,
    perMessageDeflate: false,
    followRedirects: false,
  };
  const socket = new WebSocket(url, SUBPROTOCOL, options);
  // Listening starts before opening: the server's first frame may come in the same packet as the upgrade.
  const transport = transportOver(socket);
  await opened(socket, signal);
  return transport;
}

function opened(socket: WebSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    // Stays for good: an error after opening is followed by 'close', which is what counts then.
    socket.on('error', reject);
    socket.once('open', resolve);
    const stop = () => socket.terminate();
    signal.addEventListener('abort', stop, { once: true });
    socket.once('close', () => signal.removeEventListener('abort', stop));
    if (signal.aborted) stop();
  });
}

function transportOver(socket: WebSocket): Transport {
  const queue = new FrameQueue();
  const heartbeat = keepAlive(socket);
  socket.on('message', (data, isBinary) => {
    const frame = isBinary ? null : parseFrame(serverFrame, data.toString());
    if (frame !== null && !queue.put(frame)) socket.terminate();
  });
  socket.once('close', () => {
    clearInterval(heartbeat);
    queue.end();
  });
  return {
    kind: 'websocket',
    send: (frame) => socket.send(JSON.stringify(frame), () => {}),
    receive: () => queue.receive(),
    close: () => closeSoon(socket),
  };
}

/** Without pings a connection whose other end vanished would look alive until something is sent. */
function keepAlive(socket: WebSocket): NodeJS.Timeout {
  let unanswered = 0;
  socket.on('pong', () => {
    unanswered = 0;
  });
  return setInterval(() => {
    if (unanswered >= 2) return socket.terminate();
    if (socket.readyState !== socket.OPEN) return;
    unanswered += 1;
    socket.ping();
  }, PING_MS);
}

/** A peer that does not answer the closing handshake is left to itself. */
function closeSoon(socket: WebSocket): void {
  socket.close();
  setTimeout(() => socket.terminate(), 1_000).unref();
}
