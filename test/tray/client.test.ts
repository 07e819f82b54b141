import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { windowsDoor } from '../../src/agent/tray-door-windows.ts';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { createTrayClient, retryMs, Unreachable, type Connect } from '../../src/tray/client.ts';
import { connectUnix } from '../../src/tray/connect-unix.ts';
import { connectWindows, sidIn } from '../../src/tray/connect-windows.ts';
import type { TrayStatus } from '../../src/wire/tray.ts';
import { statusOf, TrayAgent } from '../support/tray-agent.ts';
import { waitFor } from '../support/wait-for.ts';

/** Waits as long as it is told, but never for more than these milliseconds. */
const hurried = (most: number): Clock => ({
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, most), signal),
});

const uid = process.getuid?.() ?? 0;
let folder: string;
let control: AbortController;
const ends: (() => Promise<unknown> | void)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tray-client-'));
  control = new AbortController();
});

afterEach(async () => {
  control.abort();
  for (const end of ends.splice(0)) await end();
  rmSync(folder, { recursive: true, force: true });
});

function start(connect: Connect, answerMs?: number) {
  const client = createTrayClient(connect, hurried(20), answerMs);
  const seen: (TrayStatus | null)[] = [];
  client.watch((status) => seen.push(status));
  const running = client.run(control.signal);
  ends.unshift(() => running);
  return { client, seen };
}

async function agentHere(status = statusOf()) {
  const agent = new TrayAgent(folder, status);
  await agent.start();
  ends.push(() => agent.stop());
  return agent;
}

/** Something else at the agent's place. */
async function stranger(path: string, talk: (socket: Socket) => void): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    talk(socket);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  ends.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server;
}

describe('the channel to the agent', () => {
  test('tells every change, asks, and finds an agent again that was gone', async () => {
    const agent = await agentHere();
    const { client, seen } = start(connectUnix(agent.path, uid));
    await waitFor('green', () => client.status?.colour === 'green');
    agent.say(statusOf({ colour: 'amber', because: 'advice' }));
    await waitFor('amber', () => client.status?.colour === 'amber');
    expect(await client.ask({ verb: 'snooze', hours: 4 })).toMatchObject({ ok: true });
    expect(agent.asked).toMatchObject([{ verb: 'snooze', hours: 4 }]);
    agent.refusal = 'held';
    expect(await client.ask({ verb: 'reconnect' })).toMatchObject({ ok: false, code: 'held' });
    await agent.stop();
    await waitFor('nothing', () => client.status === null);
    expect(seen.at(-1)).toBeNull();
    await expect(client.ask({ verb: 'recheck' })).rejects.toThrow(Unreachable);
    await agent.start();
    await waitFor('amber again', () => client.status?.colour === 'amber');
  });

  test('an agent that hangs is no agent', async () => {
    const agent = await agentHere();
    const { client } = start(connectUnix(agent.path, uid), 500);
    await waitFor('green', () => client.status !== null);
    agent.hangs = true;
    await waitFor('nothing', () => client.status === null);
    expect(client.status).toBeNull();
  });

  test.each([
    ['no JSON', 'hello\n'],
    [
      'a status with a colour of its own',
      `${JSON.stringify({ id: 1, ok: true, status: { colour: 'blue' } })}\n`,
    ],
    ['an endless line', 'x'.repeat(400_000)],
    ['a refusal without an id', `${JSON.stringify({ id: null, ok: false, code: 'malformed', text: '' })}\n`],
  ])('%s is never shown', async (_what, said) => {
    let calls = 0;
    const path = join(folder, 'x.sock');
    chmodSync(folder, 0o700);
    await stranger(path, (socket) => {
      calls += 1;
      socket.write(said);
    });
    const { client, seen } = start(connectUnix(path, uid));
    await waitFor('a second try', () => calls > 1);
    expect({ status: client.status, seen }).toEqual({ status: null, seen: [] });
  });

  test('a folder that others can write to is not the agent’s', async () => {
    const agent = await agentHere();
    chmodSync(join(folder, String(uid)), 0o777);
    await expect(connectUnix(agent.path, uid)(control.signal)).rejects.toThrow('changed by others');
  });

  test('is tried again soon, then more rarely', () => {
    expect([1, 5, 6, 7, 100].map(retryMs)).toEqual([3_000, 3_000, 6_000, 12_000, 30_000]);
  });
});

describe('the pipe of Windows, here over a socket', () => {
  const sid = 'S-1-5-21-1-2-3-1001';
  const secret = Buffer.alloc(32, 7);
  const credentials = (change: { sid?: string; secret?: Uint8Array } = {}) => {
    return async () => ({ sid, secret, ...change });
  };

  async function door(): Promise<{ path: string; users: string[] }> {
    const path = join(folder, 'pipe');
    const users: string[] = [];
    const secrets = { follow: async () => {}, of: (one: string) => (one === sid ? secret : null) };
    const opened = windowsDoor({ log: createLogger('test', 'silent'), pipe: path, secrets }).open(
      ({ user }) => users.push(user),
      control.signal,
    );
    ends.unshift(() => opened);
    return { path, users };
  }

  async function tryOn(path: string, given = credentials()) {
    const connect = connectWindows(given, path);
    return waitFor('an answer', async () => {
      try {
        const socket = await connect(control.signal);
        socket.destroy();
        return 'in';
      } catch (error) {
        return /ENOENT/.test(String(error)) ? null : 'out';
      }
    });
  }

  test('lets in who knows the secret, and nobody else', async () => {
    const { path, users } = await door();
    await waitFor('the pipe', async () => (await tryOn(path)) === 'in');
    expect(await tryOn(path, credentials({ secret: Buffer.alloc(32, 8) }))).toBe('out');
    expect(await tryOn(path, credentials({ sid: 'S-1-5-21-1-2-3-1002' }))).toBe('out');
    expect(new Set(users)).toEqual(new Set([sid]));
  });

  test('says nothing to a stranger who took the pipe’s name', async () => {
    const path = join(folder, 'pipe');
    const heard: string[] = [];
    await stranger(path, (socket) => {
      socket.on('data', (chunk) => heard.push(chunk.toString()));
      socket.write(`${'0'.repeat(64)} ${'0'.repeat(64)}\n`);
    });
    expect(await tryOn(path)).toBe('out');
    expect(heard.join('')).toMatch(/^(hello S-1-5-21-1-2-3-1001 [0-9a-f]{64}\n)?$/);
  });

  test('the user’s SID is read in whatever language the rest is', () => {
    expect(sidIn('"büro\\müller","S-1-5-21-11-22-33-1001"\r\n')).toBe('S-1-5-21-11-22-33-1001');
    expect(sidIn('"nt-autorität\\system","S-1-5-18"\r\n')).toBeNull();
    expect(sidIn('')).toBeNull();
  });
});
