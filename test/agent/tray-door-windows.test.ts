// The handshake over a real socket in the place of a named pipe; what differs on Windows is only what opens it.
import { randomBytes } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { parseLoadedUsers, windowsDoor } from '../../src/agent/tray-door-windows.ts';
import { proofOf, readChallenge, writeHello } from '../../src/wire/tray-handshake.ts';
import { eventually, quiet, temporaryFolder } from './harness.ts';

const ANNA = 'S-1-5-21-1-2-3-1001';
const BORIS = 'S-1-5-21-1-2-3-1002';

async function startDoor() {
  const pipe = join(await temporaryFolder(), 'pipe');
  const secrets = new Map([ANNA, BORIS].map((sid) => [sid, randomBytes(32)]));
  const control = new AbortController();
  const callers: string[] = [];
  const door = windowsDoor({
    log: quiet,
    pipe,
    secrets: { follow: async () => {}, of: (sid) => secrets.get(sid) ?? null },
  });
  const ended = door.open(({ user }) => callers.push(user), control.signal);
  onTestFinished(async () => {
    control.abort();
    await ended;
  });
  return { pipe, secrets, callers };
}

class Caller {
  readonly socket: Socket;
  readonly lines: string[] = [];
  closed = false;

  constructor(pipe: string) {
    this.socket = createConnection(pipe);
    this.socket
      .setEncoding('utf8')
      .on('data', (text: string) => this.lines.push(...text.trimEnd().split('\n')));
    this.socket.on('error', () => {}).on('close', () => (this.closed = true));
  }

  say(line: string): void {
    this.socket.write(`${line}\n`);
  }

  line(number: number): Promise<string> {
    return eventually(`line ${number}`, () => this.lines[number]);
  }
}

async function call(pipe: string): Promise<Caller> {
  const caller = await eventually('the door', async () => {
    const one = new Caller(pipe);
    await new Promise((resolve) => one.socket.once('connect', resolve).once('error', resolve));
    return one.socket.readyState === 'open' ? one : null;
  });
  onTestFinished(() => void caller.socket.destroy());
  return caller;
}

test('both sides prove that they know the secret', async () => {
  const { pipe, secrets, callers } = await startDoor();
  const caller = await call(pipe);
  const secret = secrets.get(ANNA) ?? Buffer.alloc(0);
  const nonce = randomBytes(32).toString('hex');
  caller.say(writeHello({ sid: ANNA, nonce }));
  const challenge = readChallenge(await caller.line(0));
  const nonces = { tray: nonce, agent: challenge?.nonce ?? '' };
  expect(challenge?.proof).toBe(proofOf(secret, 'agent', nonces));
  caller.say(proofOf(secret, 'tray', nonces));
  expect(await caller.line(1)).toBe('welcome');
  expect(callers).toEqual([ANNA]);
});

type Trick = (given: {
  secrets: Map<string, Buffer>;
  nonces: { tray: string; agent: string };
  proof: string;
}) => string;

test.each<[string, string, Trick]>([
  [
    'another user’s secret',
    ANNA,
    ({ secrets, nonces }) => proofOf(secrets.get(BORIS) ?? Buffer.alloc(0), 'tray', nonces),
  ],
  [
    'a user whom nobody knows',
    'S-1-5-21-1-2-3-9999',
    ({ secrets, nonces }) => proofOf(secrets.get(ANNA) ?? Buffer.alloc(0), 'tray', nonces),
  ],
  ['the agent’s own proof sent back', ANNA, ({ proof }) => proof],
  [
    'a proof of other nonces',
    ANNA,
    ({ secrets, nonces }) =>
      proofOf(secrets.get(ANNA) ?? Buffer.alloc(0), 'tray', { ...nonces, agent: '0'.repeat(64) }),
  ],
  ['nothing like a proof', ANNA, () => 'let me in'],
])('refused: %s', async (_name, sid, trick) => {
  const { pipe, secrets, callers } = await startDoor();
  const caller = await call(pipe);
  const nonce = randomBytes(32).toString('hex');
  caller.say(writeHello({ sid, nonce }));
  // An unknown user gets a challenge like everybody.
  const challenge = readChallenge(await caller.line(0));
  const nonces = { tray: nonce, agent: challenge?.nonce ?? '' };
  caller.say(trick({ secrets, nonces, proof: challenge?.proof ?? '' }));
  await eventually('the end', () => caller.closed);
  expect(callers).toEqual([]);
});

test.each([
  'hello S-1-5-18 ' + '0'.repeat(64),
  'hello ..\\..\\secret ' + '0'.repeat(64),
  `hello ${ANNA}`,
  'x'.repeat(2_000),
  `hello ${ANNA} ${'0'.repeat(64)}\n{"id":1,"verb":"status"}`,
])('ended at once: %s', async (line) => {
  const { pipe, callers } = await startDoor();
  const caller = await call(pipe);
  caller.say(line);
  await eventually('the end', () => caller.closed);
  expect(callers).toEqual([]);
});

test('people are told from services by the hives that are loaded', () => {
  const hives = [
    '.DEFAULT',
    'S-1-5-18',
    'S-1-5-19',
    ANNA,
    `${ANNA}_Classes`,
    'S-1-12-1-1-2-3-4',
    'S-1-5-80-1-2-3-4',
  ];
  const text = hives.map((name) => `HKEY_USERS\\${name}`).join('\r\n');
  expect(parseLoadedUsers(`\r\n${text}\r\n`)).toEqual([ANNA, 'S-1-12-1-1-2-3-4']);
});
