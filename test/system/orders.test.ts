// Server and agent as processes of their own, in a network namespace of their own, with the Linux driver and the
// kernel's packet filter: what is ordered is there, and stays there whatever is killed.
import { spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { statePaths } from '../../src/agent/paths.ts';
import { statusSchema } from '../../src/agent/status.ts';
import { orderView, type OrderView } from '../../src/server/order-view.ts';
import { canIsolate } from '../support/namespaces.ts';
import { makeNamespace, type Namespace } from '../support/namespace.ts';
import {
  serverFolder,
  startServerProcess,
  type ServerFolder,
  type ServerProcess,
} from '../support/server-process.ts';

const cli = (name: string) => join(import.meta.dirname, `../../src/cli/${name}.ts`);
const PORT = 18_443;
const TABLE = 'drawbridge-vpn';
const LONG = { timeout: 300_000 };

const isAllowed = canIsolate();

describe.runIf(isAllowed)('orders about the VPN (needs root and nftables)', LONG, () => {
  let space: Namespace;
  let folder: ServerFolder;
  let server: ServerProcess;
  let agent: ChildProcess | null = null;
  let device = '';
  const state = mkdtempSync(join(tmpdir(), 'drawbridge-agent-'));
  const settings = join(state, 'settings.yaml');

  beforeAll(async () => {
    space = await makeNamespace();
    folder = serverFolder(PORT);
    writePolicy('never');
    server = await startServer();
    writeFileSync(join(state, 'token'), folder.token(), { mode: 0o600 });
    writeFileSync(settings, 'collect: { everySeconds: 10, budget: { cpuPercent: 100, rssMiB: 4096 } }\n');
    drawbridge('enroll', '--server', `https://127.0.0.1:${PORT}`, '--token-file', join(state, 'token'));
    startAgent();
    device = await eventually('the first report', () => {
      const [first] = devices();
      return first?.connected && first.lastSeen !== null && agentStatus()?.lastAckAt ? first.id : null;
    });
  }, 180_000);

  afterAll(async () => {
    await killAgent();
    await server.kill('SIGKILL');
    space.remove();
    folder.remove();
    rmSync(state, { recursive: true, force: true });
  });

  const startServer = () => startServerProcess(folder.path, space.inside());

  function startAgent(): void {
    const argv = [process.execPath, cli('drawbridge'), 'agent', '--state', state, '--config', settings];
    agent = space.spawn(argv);
    agent.stdout?.resume();
    agent.stderr?.resume();
  }

  async function killAgent(): Promise<void> {
    const pid = agent?.pid;
    if (agent === null || pid === undefined) return;
    const ended = new Promise((resolve) => agent?.once('exit', resolve));
    // nsenter has become the agent: it does not fork for a network namespace.
    process.kill(pid, 'SIGKILL');
    await ended;
    agent = null;
  }

  function writePolicy(deny: 'never' | 'high'): void {
    const access = '{ low: allow, medium: allow, high: allow }';
    // A key in a file fails: the device is at high risk whatever else this machine is like.
    const checks = '{ agent: { weight: 60, floor: high, expect: { keyProtection: tpm } } }';
    const text = `version: 1\nname: test\naccess: ${access}\nstanding: { deny: ${deny} }\nchecks: ${checks}\n`;
    writeFileSync(join(folder.path, 'policy.yaml'), text);
  }

  function drawbridge(command: string, ...argv: string[]): string {
    return space.run(
      process.execPath,
      cli('drawbridge'),
      command,
      ...argv,
      '--state',
      state,
      '--config',
      settings,
    );
  }

  function serverCli(...argv: string[]) {
    const [file = '', ...rest] = space.inside(
      process.execPath,
      cli('drawbridge-server'),
      ...argv,
      '--data',
      folder.path,
    );
    const { status, stdout, stderr } = spawnSync(file, rest, { encoding: 'utf8', timeout: 90_000 });
    return { status, stdout, stderr };
  }

  const devices = () =>
    z
      .array(z.object({ id: z.string(), connected: z.boolean(), lastSeen: z.string().nullable() }))
      .parse(JSON.parse(serverCli('devices', '--json').stdout));

  const orders = (): OrderView[] =>
    orderView.array().parse(JSON.parse(serverCli('orders', '--device', device, '--json').stdout));

  const isBlocked = () => space.run('/usr/sbin/nft', 'list', 'tables').includes(TABLE);

  function agentStatus() {
    try {
      return statusSchema().parse(JSON.parse(readFileSync(statePaths(state).status, 'utf8')));
    } catch {
      return null;
    }
  }

  test('deny is proven, and so is allow; nothing of it is left behind', () => {
    const denied = serverCli('order', 'deny', device, '--reason', 'laptop is lost', '--wait');
    expect(denied).toMatchObject({ status: 0, stdout: expect.stringContaining('proven') });
    expect(isBlocked()).toBe(true);
    expect(drawbridge('status')).toMatch(/Held by\s+server since .*: laptop is lost/);
    const allowed = serverCli('order', 'allow', device, '--wait');
    expect(allowed).toMatchObject({ status: 0, stdout: expect.stringContaining('proven') });
    expect(isBlocked()).toBe(false);
    expect(orders().map(({ action, state: now }) => [action, now])).toEqual([
      ['allow', 'proven'],
      ['deny', 'proven'],
    ]);
  });

  test('what is denied is denied again after a reboot, without the server', async () => {
    expect(serverCli('order', 'deny', device, '--wait').status).toBe(0);
    await killAgent();
    await server.kill('SIGKILL');
    space.run('/usr/sbin/nft', 'flush', 'ruleset');
    expect(isBlocked()).toBe(false);
    startAgent();
    await eventually('the block', isBlocked);
    server = await startServer();
    expect(serverCli('order', 'allow', device).status).toBe(0);
    await eventually('no block', () => !isBlocked());
  });

  test('an agent that is killed while it obeys ends up where it was ordered to be', async () => {
    for (const afterMs of [30, 120, 400]) {
      serverCli('order', 'deny', device);
      await sleep(afterMs);
      await killAgent();
      startAgent();
      await eventually('the block', isBlocked);
      await eventually('the receipt', () => orders()[0]?.state === 'proven' || orders()[0]?.state === 'done');
      serverCli('order', 'allow', device);
      await eventually('no block', () => !isBlocked());
    }
    await eventually('an answer to every order', () =>
      orders().every(({ state: now }) => now !== 'sent' && now !== 'received'),
    );
    expect(isBlocked()).toBe(false);
  });

  test('where the policy says so the device takes its VPN down by itself, and lets it up by a better policy', async () => {
    const denies = () => orders().filter(({ action }) => action === 'deny').length;
    const before = denies();
    writePolicy('high');
    await eventually('the cut', isBlocked);
    await server.kill('SIGKILL');
    const holders = await eventually('status', () => nonEmpty(agentStatus()?.vpn?.holders));
    expect(holders.map(({ cause }) => cause)).toEqual(['standing']);
    // Nobody has ordered it.
    expect(denies()).toBe(before);
    await killAgent();
    space.run('/usr/sbin/nft', 'flush', 'ruleset');
    startAgent();
    await eventually('the cut again, without a server', isBlocked);
    server = await startServer();
    writePolicy('never');
    await eventually('no block', () => !isBlocked());
  });
});

function nonEmpty<T>(list: readonly T[] | undefined): readonly T[] | null {
  return list === undefined || list.length === 0 ? null : list;
}

async function eventually<T>(what: string, look: () => T | null | undefined | false): Promise<T> {
  const until = performance.now() + 90_000;
  for (;;) {
    const found = look();
    if (found) return found;
    if (performance.now() > until) throw new Error(`did not happen: ${what}`);
    await sleep(200);
  }
}
