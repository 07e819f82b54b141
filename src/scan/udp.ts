import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Clock } from '../base/clock.ts';

/** Milliseconds until the next transmission; after the last, until the answer is given up. */
export const WAITS_MS = [1_000, 2_000, 4_000] as const;

/** A stranger who floods us is not listened to for ever. */
const MAX_DATAGRAMS = 64;

export type Reply = (packet: Uint8Array) => Promise<void>;

export type Asking<A> = {
  address: string;
  port: number;
  packet: Uint8Array;
  /** Null: not an answer, whatever it is. */
  read(datagram: Uint8Array): A | null;
  /**
   * Whether the answer may come from another port, as RFC 2661 allows. The second of three transmissions then goes
   * out of a socket of its own that takes it; the others use one that hears of refusals.
   */
  anyPort: boolean;
  /** Answers after the first, for as long as the way back is open. */
  also?(answer: A, reply: Reply): void;
};

/**
 * - `answered`: `reply` sends on the way on which the answer came
 * - `refused`: ICMP port unreachable
 * - `silent`: nothing came, or (`why`) the network said that it does not get there
 * - `unsent`: nothing left this computer
 */
export type Heard<A> =
  | { state: 'answered'; answer: A; reply: Reply }
  | { state: 'refused' }
  | { state: 'silent'; why: string | null }
  | { state: 'unsent'; why: string };

export type Sending = {
  clock: Clock;
  /** Waits until one more packet may be sent. */
  pace(): Promise<void>;
  waitsMs: readonly number[];
  signal?: AbortSignal;
};

/** Sends until something is heard, and hands that to `then` while the way back is still open. */
export async function ask<A, R>(
  asking: Asking<A>,
  sending: Sending,
  then: (heard: Heard<A>) => Promise<R>,
): Promise<R> {
  const lines: Socket[] = [];
  try {
    return await then(await hear(asking, sending, lines));
  } finally {
    for (const line of lines) line.close();
  }
}

async function hear<A>(asking: Asking<A>, sending: Sending, lines: Socket[]): Promise<Heard<A>> {
  const { promise: news, resolve: tell } = Promise.withResolvers<Heard<A>>();
  const trouble: Trouble = { refused: () => tell({ state: 'refused' }), unreachable: null };
  let isAnswered = false;
  const found = (answer: A, reply: Reply) => {
    if (isAnswered) asking.also?.(answer, reply);
    isAnswered = true;
    tell({ state: 'answered', answer, reply });
  };
  const ways = new Map<boolean, Way>();
  const wayOf = async (isConnected: boolean) => {
    const way = ways.get(isConnected) ?? (await openWay(asking, isConnected, { lines, trouble, found }));
    ways.set(isConnected, way);
    return way;
  };
  const stop = new AbortController();
  try {
    return await Promise.race([news, transmit(asking, { sending, wayOf, trouble, stop: stop.signal })]);
  } finally {
    stop.abort();
  }
}

type Trouble = { refused(): void; unreachable: string | null };
type Way = { send(packet: Uint8Array): Promise<void> };

type Transmission = {
  sending: Sending;
  wayOf(isConnected: boolean): Promise<Way>;
  trouble: Trouble;
  stop: AbortSignal;
};

/** Until the last wait is over. */
async function transmit(
  { packet, anyPort }: Asking<unknown>,
  { sending: { clock, pace, waitsMs, signal }, wayOf, trouble, stop }: Transmission,
): Promise<Exclude<Heard<never>, { state: 'answered' }>> {
  const either = signal === undefined ? stop : AbortSignal.any([stop, signal]);
  let unsent: string | null = null;
  let sent = 0;
  for (const [index, wait] of waitsMs.entries()) {
    await pace();
    either.throwIfAborted();
    try {
      const way = await wayOf(!(anyPort && index === 1));
      await way.send(packet);
      sent += 1;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ECONNREFUSED') return { state: 'refused' };
      unsent = code ?? message;
    }
    await clock.sleep(wait, either);
  }
  if (sent === 0) return { state: 'unsent', why: unsent ?? 'nothing was sent' };
  return { state: 'silent', why: trouble.unreachable };
}

type Opening<A> = { lines: Socket[]; trouble: Trouble; found(answer: A, reply: Reply): void };

async function openWay<A>(
  asking: Asking<A>,
  isConnected: boolean,
  { lines, trouble, found }: Opening<A>,
): Promise<Way> {
  const line = createSocket(isIPv6(asking.address) ? 'udp6' : 'udp4');
  lines.push(line);
  line.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'ECONNREFUSED') trouble.refused();
    else trouble.unreachable = code ?? message;
  });
  const sendTo = (port: number) => (packet: Uint8Array) =>
    send(line, packet, isConnected ? null : { address: asking.address, port });
  listen(line, asking, (answer, port) => found(answer, sendTo(port)));
  if (isConnected) await connect(line, asking);
  return { send: sendTo(asking.port) };
}

function listen<A>(
  line: Socket,
  { address, read }: Asking<A>,
  found: (answer: A, port: number) => void,
): void {
  let count = 0;
  line.on('message', (datagram: Buffer, from: RemoteInfo) => {
    count += 1;
    if (count > MAX_DATAGRAMS || !isSame(from.address, address)) return;
    const answer = read(datagram);
    if (answer !== null) found(answer, from.port);
  });
}

/** A zone (`fe80::1%eth0`) is ours, not the sender's. */
function isSame(one: string, other: string): boolean {
  return one.replace(/%.*/, '') === other.replace(/%.*/, '');
}

function connect(line: Socket, { address, port }: { address: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    line.connect(port, address, (error?: Error | null) => (error ? reject(error) : resolve()));
  });
}

function send(line: Socket, packet: Uint8Array, to: { address: string; port: number } | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = (error: Error | null) => (error === null ? resolve() : reject(error));
    if (to === null) line.send(packet, sent);
    else line.send(packet, to.port, to.address, sent);
  });
}
