import { createSocket, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { parseDocument } from 'htmlparser2';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { junitOf } from '../../src/scan/junit.ts';
import { sarifOf } from '../../src/scan/sarif.ts';
import { createPace, stateOf, type Scanned, type State } from '../../src/scan/scan.ts';
import { ask, type Asking, type Sending } from '../../src/scan/udp.ts';

describe('state', () => {
  const answered = { state: 'answered' } as const;
  const silent = { state: 'silent' } as const;
  const refused = { state: 'refused' } as const;
  const unsent = { state: 'unsent' } as const;
  test.each([
    ['exposed', answered, [answered]],
    ['exposed', answered, [silent]],
    ['ipsec', silent, [silent, answered]],
    ['ipsec', refused, [answered]],
    ['refused', refused, [silent]],
    ['silent', silent, [refused]],
    ['unasked', unsent, [answered]],
  ] as const)('%s', (state, l2tp, ike) => {
    expect(stateOf(l2tp, ike)).toBe(state);
  });
});

test('packets leave no faster than the rate', async () => {
  let now = 0;
  const sent: number[] = [];
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    sleep: async (ms) => void (now = Math.max(now, now + ms)),
  };
  const pace = createPace(clock, 10);
  for (let count = 0; count < 5; count += 1) {
    await pace();
    sent.push(now);
  }
  expect(sent).toEqual([0, 100, 200, 300, 400]);
});

describe('asking by UDP', () => {
  const open: Socket[] = [];
  afterEach(() => open.splice(0).forEach((socket) => socket.close()));

  async function peer(): Promise<Socket> {
    const socket = createSocket('udp4');
    open.push(socket);
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', () => resolve()));
    return socket;
  }

  const sending = (waitsMs: number[]): Sending => ({ clock: systemClock, pace: async () => {}, waitsMs });
  const asking = (port: number, more: Partial<Asking<string>> = {}): Asking<string> => ({
    address: '127.0.0.1',
    port,
    packet: Buffer.from('hello'),
    read: (bytes) => (String(bytes) === 'yes' ? 'yes' : null),
    anyPort: false,
    ...more,
  });

  test('an answer ends it, and noise before it does not', async () => {
    const server = await peer();
    server.on('message', (_, { port }) => {
      for (const word of ['noise', 'yes']) server.send(word, port, '127.0.0.1');
    });
    const heard = await ask(asking(server.address().port), sending([10_000]), async (one) => one);
    expect(heard).toMatchObject({ state: 'answered', answer: 'yes' });
  });

  test('a flood of noise is not listened to for ever', async () => {
    const server = await peer();
    server.on('message', (_, { port }) => {
      for (let count = 0; count < 64; count += 1) server.send('noise', port, '127.0.0.1');
      server.send('yes', port, '127.0.0.1');
    });
    const heard = await ask(asking(server.address().port), sending([400]), async (one) => one);
    expect(heard).toEqual({ state: 'silent', why: null });
  });

  test('silence takes every transmission', async () => {
    const server = await peer();
    const came: string[] = [];
    server.on('message', (message) => came.push(String(message)));
    const heard = await ask(asking(server.address().port), sending([20, 20, 300]), async (one) => one);
    expect(heard).toEqual({ state: 'silent', why: null });
    expect(came).toEqual(['hello', 'hello', 'hello']);
  });

  test('a closed port refuses', async () => {
    const server = await peer();
    const { port } = server.address();
    open.splice(0).forEach((socket) => socket.close());
    expect(await ask(asking(port), sending([10_000]), async (one) => one)).toEqual({ state: 'refused' });
  });

  test('an answer from another port counts where that is allowed', async () => {
    const [server, other] = [await peer(), await peer()];
    server.on('message', (_, { port }) => other.send('yes', port, '127.0.0.1'));
    const port = server.address().port;
    expect(
      await ask(asking(port, { anyPort: true }), sending([50, 5_000, 50]), async (one) => one.state),
    ).toBe('answered');
    expect(await ask(asking(port), sending([50, 50, 50]), async (one) => one.state)).toBe('silent');
  });

  test('what cannot be sent is not called silent', async () => {
    const heard = await ask(asking(9, { address: '255.255.255.255' }), sending([10]), async (one) => one);
    expect(heard).toMatchObject({ state: 'unsent', why: expect.stringMatching(/^E[A-Z]+$/) });
  });
});

const hostile = 'a"<b>&\u0000\uD800';
function scanned(state: State): Scanned {
  return {
    address: '192.0.2.1',
    name: hostile,
    state,
    l2tp: {
      state: 'answered',
      why: null,
      server: { answer: 'accepts', hostName: hostile, vendor: null, firmware: null, says: null },
    },
    ike: [{ port: 500, version: 1, state: 'silent', why: null, answer: null }],
  };
}

test('JUnit counts what fails, and hostile words break nothing', () => {
  const all = (['exposed', 'silent', 'unasked'] as const).map(scanned);
  const xml = junitOf(all, new Set<State>(['exposed', 'unasked']), '2026-11-28T19:00:00.000Z');
  expect(xml).toContain('tests="3" failures="1" errors="1"');
  expect(xml).toContain('classname="a&quot;&lt;b&gt;&amp;??"');
  // oxlint-disable-next-line no-control-regex -- what XML cannot hold
  expect(xml).not.toMatch(/[\u0000-\u0008]/);
  const names: string[] = [];
  const walk = (nodes: readonly { type: string; name?: string; children?: unknown }[]) => {
    for (const node of nodes) {
      if (node.name !== undefined && node.type === 'tag') names.push(node.name);
      if (Array.isArray(node.children)) walk(node.children as typeof nodes);
    }
  };
  walk(parseDocument(xml, { xmlMode: true }).children);
  expect(names).toEqual([
    'testsuites',
    'testsuite',
    'testcase',
    'failure',
    'testcase',
    'system-out',
    'testcase',
    'error',
  ]);
});

test('SARIF has a failing result for an exposed host, and no pass for one that is silent', () => {
  const at = { from: '2026-11-28T19:00:00.000Z', to: '2026-11-28T19:01:00.000Z' };
  const { version, runs } = sarifOf(
    (['exposed', 'ipsec', 'silent', 'unasked'] as const).map(scanned),
    '1',
    at,
  );
  expect(version).toBe('2.1.0');
  expect(runs[0]?.results?.map(({ kind, level }) => `${kind} ${level}`)).toEqual([
    'fail error',
    'pass none',
    'open none',
    'open none',
  ]);
  expect(runs[0]?.invocations?.[0]?.executionSuccessful).toBe(false);
});

/** The schema as Microsoft publishes it; draft 4, whose words that it uses mean the same in draft 7 but for `id`. */
function sarifSchema() {
  const file = join(import.meta.dirname, '../fixtures/sarif/sarif-2.1.0-rtm.5.json');
  const { id: _, $schema: __, ...schema } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false });
  formats.default(ajv);
  return ajv.compile(schema);
}

test('SARIF is valid by its schema, whatever was found, by IPv6 too', () => {
  const isValid = sarifSchema();
  const all = (['exposed', 'ipsec', 'refused', 'silent', 'unasked'] as const).map(scanned);
  const times = { from: '2026-11-28T19:00:00.000Z', to: '2026-11-28T19:00:09.000Z' };
  for (const address of ['192.0.2.1', '2001:db8::1', 'fe80::1%eth0']) {
    const log = sarifOf(
      all.map((one) => ({ ...one, address })),
      '1.0.0',
      times,
    );
    expect(isValid(log), JSON.stringify(isValid.errors)).toBe(true);
  }
  const log = JSON.parse(JSON.stringify(sarifOf(all, '1.0.0', times)));
  log.runs[0].results[0].kind = 'exposed';
  expect(isValid(log)).toBe(false);
});
