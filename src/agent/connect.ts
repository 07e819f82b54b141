import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { ServerFrame } from '../wire/frames.ts';
import { connectHttps } from './transport-https.ts';
import { connectWebSocket } from './transport-websocket.ts';
import { CONNECT_MS, type ConnectOptions, type Transport, type TransportKind } from './transport.ts';
import { connectProblem } from './trust.ts';

/** A connection on which the server has spoken first. */
export type Opened = { transport: Transport; first: ServerFrame };

export type TransportChoice = 'auto' | TransportKind;

const CONNECTORS = { websocket: connectWebSocket, https: connectHttps };

/**
 * Opens a connection. `auto` tries WebSocket, then HTTPS where something in between blocks WebSocket: only the
 * server's first frame proves that it does not, since some proxies accept the upgrade and swallow what follows.
 */
export async function connect(
  choice: TransportChoice,
  options: ConnectOptions,
  log: Logger,
): Promise<Opened> {
  if (choice !== 'auto') return openWith(choice, options);
  try {
    return await openWith('websocket', options);
  } catch (error) {
    // What stops TLS or TCP stops HTTPS as well.
    if (options.signal.aborted || connectProblem(error) !== 'failed') throw error;
    log.info({ detail: messageOf(error) }, 'WebSocket does not get through; trying HTTPS');
    return openWith('https', options);
  }
}

async function openWith(kind: TransportKind, options: ConnectOptions): Promise<Opened> {
  const transport = await CONNECTORS[kind](options);
  const first = await within(CONNECT_MS, transport.receive());
  if (first !== null) return { transport, first };
  transport.close();
  throw new Error('the connection opened, but the server said nothing');
}

async function within<T>(ms: number, answer: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ms, null);
  });
  const result = await Promise.race([answer, late]);
  clearTimeout(timer);
  return result;
}
