import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { askCharon } from '../../src/agent/charon.ts';
import { parseViciTunnels } from '../../src/agent/vpn/linux-ike.ts';

const fixture = (name: string) =>
  readFileSync(join(import.meta.dirname, '../fixtures/vpn-client/linux', name), 'utf8');

/* The bytes of strongSwan's protocol, written here by hand: the code under test must not explain itself. */
const u8 = (text: string) => Buffer.concat([Buffer.of(Buffer.byteLength(text)), Buffer.from(text)]);
const u16 = (text: string) =>
  Buffer.concat([Buffer.of(Buffer.byteLength(text) >> 8, Buffer.byteLength(text) & 255), Buffer.from(text)]);
const section = (name: string, ...inside: Buffer[]) =>
  Buffer.concat([Buffer.of(1), u8(name), ...inside, Buffer.of(2)]);
const pair = (name: string, value: string) => Buffer.concat([Buffer.of(3), u8(name), u16(value)]);
const list = (name: string, ...items: string[]) =>
  Buffer.concat([
    Buffer.of(4),
    u8(name),
    ...items.map((item) => Buffer.concat([Buffer.of(5), u16(item)])),
    Buffer.of(6),
  ]);
const packet = (...parts: Buffer[]) => {
  const bytes = Buffer.concat(parts);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const response = (...message: Buffer[]) => packet(Buffer.of(1), ...message);
const confirmed = packet(Buffer.of(5));
const event = (name: string, ...message: Buffer[]) => packet(Buffer.of(7), u8(name), ...message);

const REGISTER = packet(Buffer.of(3), u8('list-sa'));
const LIST = packet(Buffer.of(0), u8('list-sas'));

const child = section(
  'fjord-4',
  pair('name', 'fjord'),
  pair('uniqueid', '4'),
  pair('state', 'INSTALLED'),
  list('local-ts', '192.0.2.20/32[udp]'),
  list('remote-ts', '198.51.100.7/32[udp/l2f]'),
);
const association = event(
  'list-sa',
  section(
    'fjord',
    pair('uniqueid', '3'),
    pair('state', 'ESTABLISHED'),
    pair('local-id', 'C=NO, O=Fjord AS, CN=laptop'),
    pair('remote-host', '198.51.100.7'),
    section('child-sas', child),
  ),
);

let folder: string;
let path: string;
let server: Server | null = null;
const open = new Set<Socket>();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-charon-'));
  path = join(folder, 'charon.vici');
});

afterEach(async () => {
  for (const socket of open) socket.destroy();
  await new Promise((resolve) => (server === null ? resolve(null) : server.close(resolve)));
  server = null;
  rmSync(folder, { recursive: true });
});

/** A daemon that answers each packet with the next of `answers`; resolves with what it was asked. */
async function daemon(...answers: Buffer[]): Promise<Buffer[]> {
  const asked: Buffer[] = [];
  server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      asked.push(Buffer.from(bytes));
      const answer = answers.shift();
      if (answer !== undefined) socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  return asked;
}

const ask = (argv: string, options = {}) => askCharon(argv.split(' '), options, path);

describe('listing', () => {
  test('registers for the events, asks, and answers as swanctl --raw does', async () => {
    const asked = await daemon(confirmed, Buffer.concat([association, response()]));
    const output = await ask('--list-sas --raw');
    expect(asked).toEqual([REGISTER, LIST]);
    expect(output).toMatchObject({ code: 0, failure: null, stderr: '' });
    expect(output?.stdout).toBe(
      'list-sa event {fjord {uniqueid=3 state=ESTABLISHED local-id=C=NO, O=Fjord AS, CN=laptop remote-host=198.51.100.7 child-sas {fjord-4 {name=fjord uniqueid=4 state=INSTALLED local-ts=[192.0.2.20/32[udp]] remote-ts=[198.51.100.7/32[udp/l2f]]}}}}\nlist-sas reply {}',
    );
    const [ours, captured] = [output?.stdout ?? '', fixture('sas-manual.txt')].map(parseViciTunnels);
    expect(ours).toEqual(captured?.slice(0, 1));
  });

  test('takes its answer in pieces of any size', async () => {
    await daemon(confirmed);
    const bytes = Buffer.concat([association, association, response()]);
    server?.on('connection', (socket) => {
      socket.on('data', async (asked: Buffer) => {
        if (!asked.equals(LIST)) return;
        for (let at = 0; at < bytes.length; at += 7) {
          socket.write(bytes.subarray(at, at + 7));
          await new Promise(setImmediate);
        }
      });
    });
    const output = await ask('--list-sas --raw');
    expect(output?.stdout.match(/list-sa event/g)).toHaveLength(2);
  });

  test('of nothing answers with the end alone', async () => {
    await daemon(confirmed, response());
    expect(await ask('--list-conns --raw')).toMatchObject({ code: 0, stdout: 'list-conns reply {}' });
  });
});

describe('terminating', () => {
  test('says which, for how long and by force', async () => {
    const asked = await daemon(response(pair('success', 'yes'), pair('matches', '1')));
    expect(await ask('--terminate --ike-id 3 --timeout 2 --force')).toMatchObject({ code: 0 });
    const values = [pair('ike-id', '3'), pair('timeout', '2000'), pair('force', 'yes')];
    expect(asked).toEqual([packet(Buffer.of(0), u8('terminate'), ...values)]);
  });

  test('tells why it did not', async () => {
    await daemon(response(pair('success', 'no'), pair('errmsg', 'no matching SAs to terminate found')));
    expect(await ask('--terminate --child-id 4 --timeout 2 --force')).toMatchObject({
      code: 1,
      stderr: 'no matching SAs to terminate found',
    });
  });
});

describe('swanctl itself is started', () => {
  test.each([
    '--load-all --noprompt',
    '--list-sas',
    '--list-sas --raw --ike fjord',
    '--terminate --ike fjord',
    '--terminate --ike-id 3x --timeout 2 --force',
    '--initiate --child fjord',
  ])('for %s', async (argv) => {
    const asked = await daemon(confirmed, response());
    expect(await ask(argv)).toBeNull();
    expect(asked).toEqual([]);
  });

  test('where the daemon does not run', async () => {
    expect(await ask('--list-sas --raw')).toBeNull();
  });
});

describe('a daemon that', () => {
  test('says nothing is given up in time', async () => {
    await daemon();
    expect(await ask('--list-sas --raw', { timeoutMs: 30 })).toMatchObject({
      code: null,
      failure: 'timeout',
    });
  });

  test('is not to be waited for any longer is left', async () => {
    await daemon();
    const asking = ask('--list-sas --raw', { signal: AbortSignal.abort() });
    expect(await asking).toMatchObject({ code: null, failure: 'timeout' });
  });

  test('never stops is cut off', async () => {
    await daemon(confirmed, Buffer.concat(Array(50).fill(association)));
    expect(await ask('--list-sas --raw', { maxBytes: 2_000 })).toMatchObject({
      code: null,
      failure: 'flood',
    });
  });

  test('does not know the question says so', async () => {
    await daemon(packet(Buffer.of(6)));
    expect(await ask('--list-sas --raw')).toMatchObject({
      code: 1,
      stderr: 'the daemon does not know list-sas',
    });
  });

  test('hangs up is no empty list', async () => {
    await daemon(confirmed);
    server?.on('connection', (socket) =>
      socket.on('data', (bytes: Buffer) => bytes.equals(LIST) && socket.end()),
    );
    expect(await ask('--list-sas --raw')).toMatchObject({ code: 1, stderr: 'the daemon hung up' });
  });

  test.each<[string, Buffer]>([
    ['a packet of no known type', packet(Buffer.of(99))],
    ['an element of no known type', response(Buffer.of(9), u8('x'))],
    ['a section without an end', response(Buffer.of(1), u8('x'))],
    ['a value past its packet', response(Buffer.of(3), u8('x'), Buffer.of(0xff, 0xff, 0x41))],
    ['a name past its packet', response(Buffer.of(3, 200, 0x41))],
    ['a list that holds a section', response(Buffer.of(4), u8('x'), section('y'))],
    ['a length beyond all bounds', Buffer.of(0xff, 0xff, 0xff, 0xff, 1)],
    ['sections within sections', response(...Array(40).fill(Buffer.concat([Buffer.of(1), u8('x')])))],
  ])('sends %s is not believed', async (_, bytes) => {
    await daemon(confirmed, bytes);
    const output = await ask('--list-sas --raw');
    expect(output).toMatchObject({ code: 1 });
    expect(output?.stderr).toMatch(/^the daemon's answer cannot be read: /);
  });

  test('names a value with a line of its own cannot forge one', async () => {
    await daemon(confirmed, Buffer.concat([event('list-sa', pair('x', 'a\nlist-sas reply {}')), response()]));
    expect((await ask('--list-sas --raw'))?.stdout.split('\n')).toEqual([
      'list-sa event {x=a list-sas reply {}}',
      'list-sas reply {}',
    ]);
  });
});
