// One end of a conversation inside a network namespace: takes orders as lines of JSON, answers each with a line.
import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export type PeerOrder =
  | { do: 'listen'; port: number }
  | { do: 'answer-udp'; address: string; port: number }
  | { do: 'connect'; as: string; address: string; port: number; ms: number }
  | { do: 'echo'; as: string; ms: number }
  | { do: 'udp'; address: string; port: number; from: number; ms: number };

const open = new Map<string, Socket>();

if (import.meta.main) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, order } = JSON.parse(line) as { id: number; order: PeerOrder };
    void carryOut(order).then((worked) => process.stdout.write(`${JSON.stringify({ id, worked })}\n`));
  }
  process.exit(0);
}

function carryOut(order: PeerOrder): Promise<boolean> {
  switch (order.do) {
    case 'listen':
      return listen(order.port);
    case 'answer-udp':
      return answerUdp(order.address, order.port);
    case 'connect':
      return dial(order);
    case 'echo':
      return within(order.ms, echo(order.as));
    case 'udp':
      return askUdp(order);
  }
}

function listen(port: number): Promise<boolean> {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  return new Promise((resolve) => server.listen({ port, host: '::' }, () => resolve(true)));
}

function answerUdp(address: string, port: number): Promise<boolean> {
  const socket = createSocket('udp4');
  socket.on('message', (text, from) => socket.send(text, from.port, from.address));
  return new Promise((resolve) => socket.bind(port, address, () => resolve(true)));
}

function dial({ as, address, port, ms }: Extract<PeerOrder, { do: 'connect' }>): Promise<boolean> {
  const socket = connect({ host: address, port });
  open.set(as, socket);
  return within(
    ms,
    new Promise((resolve) => {
      socket.on('error', () => resolve(false));
      socket.once('connect', () => resolve(true));
    }),
  );
}

function echo(as: string): Promise<boolean> {
  const socket = open.get(as);
  if (socket === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    socket.once('data', () => resolve(true));
    socket.write('still there?');
  });
}

function askUdp({ address, port, from, ms }: Extract<PeerOrder, { do: 'udp' }>): Promise<boolean> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const answered = new Promise<boolean>((resolve) => {
    socket.on('error', () => resolve(false));
    socket.once('message', () => resolve(true));
    socket.bind(from, () => socket.send('anybody?', port, address, () => {}));
  });
  return within(ms, answered).finally(() => socket.close());
}

async function within(ms: number, answer: Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const result = await Promise.race([answer, late]);
  clearTimeout(timer);
  return result;
}
