// A NAS that takes Disconnect and CoA requests over UDP, and answers as it is told.
import { createSocket, type Socket } from 'node:dgram';
import { decodeDaeRequest, encodeDaeAnswer, type DaeRequest } from '../../src/wire/dae.ts';

export const NAS_SECRET = 'a-secret-of-this-nas';

export type NasAnswer = { result: 'ack' | 'nak'; errorCause?: number } | 'nothing' | 'forged';

export type TestNas = {
  port: number;
  /** Requests that came, also those that came again, with their bytes and the moment (`performance.now()`). */
  requests: { request: DaeRequest; bytes: Buffer; at: number }[];
  answer: (request: DaeRequest) => NasAnswer;
  /** Waits for the next request that nobody has taken yet. */
  next(ms?: number): Promise<DaeRequest>;
  close(): void;
};

/** Has to be closed. `port` 0 takes any. */
export async function startNas(port = 0): Promise<TestNas> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(port, '127.0.0.1', resolve));
  let taken = 0;
  const nas: TestNas = {
    port: socket.address().port,
    requests: [],
    answer: () => ({ result: 'ack' }),
    async next(ms = 10_000) {
      const until = Date.now() + ms;
      while (nas.requests.length <= taken) {
        if (Date.now() > until) throw new Error('no request came');
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return nas.requests[taken++]!.request;
    },
    close: () => socket.close(),
  };
  socket.on('message', (bytes, { port: from }) => take(nas, socket, bytes, from));
  return nas;
}

function take(nas: TestNas, socket: Socket, bytes: Buffer, from: number): void {
  const request = decodeDaeRequest(bytes, NAS_SECRET);
  if (!request.ok) throw new Error(`a request that no NAS would take: ${request.error}`);
  nas.requests.push({ request: request.value, bytes, at: performance.now() });
  const answer = nas.answer(request.value);
  if (answer === 'nothing') return;
  const [what, secret] =
    answer === 'forged' ? [{ result: 'ack' as const }, 'somebody else’s secret'] : [answer, NAS_SECRET];
  socket.send(encodeDaeAnswer(bytes, what, secret), from, '127.0.0.1');
}
