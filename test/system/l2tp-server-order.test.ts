// An order from a server process through the real agent to a real xl2tpd under systemd.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ip } from '../../src/base/commands.ts';
import { parsePolicy } from '../../src/policy/policy-text.ts';
import { requestRollout, rolloutRequest } from '../../src/server/l2tp/rollout-requests.ts';
import { openSqlite } from '../../src/server/store/sqlite.ts';
import { l2tpEvent, rolloutDocument } from '../../src/server/l2tp/rollout-view.ts';
import { CLI, NODE, OUTSIDE, useL2tpMachine } from '../support/l2tp-machine.ts';
import { startServerProcess, type ServerProcess } from '../support/server-process.ts';

const SERVER_CLI = join(import.meta.dirname, '../../src/cli/drawbridge-server.ts');
const PORT = '18444';
const SETTINGS = ['--state', '/run/agent', '--config', '/run/agent.yaml'];
/** Nothing is decided about this machine's VPN, so that nothing but the order changes its firewall. */
const POLICY =
  'version: 1\nname: test\naccess: { low: allow, medium: allow, high: allow }\nstanding: { deny: never }\n';
const LONG = { timeout: 400_000 };

describe('an order to close an L2TP server', LONG, () => {
  const { machine, isBooted, must, sh, picture, stateFrom } = useL2tpMachine('l2tp-server-order.test.ts');
  const below = () => [ip.path, 'netns', 'exec', machine().outside];
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-server-'));
  let server: ServerProcess;
  let device = '';
  let before: ReturnType<typeof picture>;

  beforeAll(async () => {
    if (!isBooted()) return;
    serverCli('init', '--host', OUTSIDE, '--port', PORT, '--name', OUTSIDE);
    writeFileSync(join(folder, 'policy.yaml'), POLICY);
    server = await startServerProcess(folder, below());
    const { token } = z
      .object({ token: z.string() })
      .parse(JSON.parse(serverCli('token', 'create', '--json').out));
    sh(`umask 077; mkdir -p /run/agent; printf '%s' '${token}' > /run/agent-token`);
    sh(
      "printf 'collect: { everySeconds: 10, budget: { cpuPercent: 100, rssMiB: 4096 } }\\n' > /run/agent.yaml",
    );
    must(
      NODE,
      CLI,
      'enroll',
      '--server',
      `https://${OUTSIDE}:${PORT}`,
      '--token-file',
      '/run/agent-token',
      ...SETTINGS,
    );
    before = picture();
    startAgent();
    device = await eventually('the first report', () => {
      const [first] = devices();
      return first?.connected === true && first.lastSeen !== null ? first.id : null;
    });
  }, 300_000);

  afterAll(async () => {
    await server?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  const startAgent = () =>
    must(
      '/usr/bin/systemd-run',
      '--quiet',
      '--unit',
      'posture-agent',
      '--collect',
      NODE,
      CLI,
      'agent',
      ...SETTINGS,
    );
  const killAgent = () => {
    must('/usr/bin/systemctl', 'kill', '--signal', 'KILL', 'posture-agent');
    sh('while systemctl is-active --quiet posture-agent; do sleep 0.1; done');
  };

  function serverCli(...argv: string[]) {
    const [file = '', ...rest] = [...below(), process.execPath, SERVER_CLI, ...argv, '--data', folder];
    const { status, stdout, stderr } = spawnSync(file, rest, { encoding: 'utf8', timeout: 300_000 });
    return { status, out: stdout, err: stderr };
  }

  const devices = () =>
    z
      .array(z.object({ id: z.string(), connected: z.boolean(), lastSeen: z.string().nullable() }))
      .parse(JSON.parse(serverCli('devices', '--json').out));

  /** To its end; answers with the one device's line. */
  function roll(action: 'close' | 'reopen', ...more: string[]) {
    const done = serverCli('l2tp-server', action, '--device', device, '--json', ...more);
    const document = rolloutDocument.parse(JSON.parse(done.out));
    return { status: done.status, state: document.state, device: document.report[0] };
  }

  const events = () =>
    l2tpEvent
      .array()
      .parse(JSON.parse(serverCli('l2tp-server', 'events', '--json').out))
      .map(({ kind }) => kind);

  const isAsBefore = () => {
    expect(picture()).toEqual(before);
    return true;
  };

  test('found, closed, proven, seen to be closed from outside, attempts told, put back bit by bit', async () => {
    expect(stateFrom()).toBe('exposed');
    expect(events()).toEqual(['found']);
    const closed = roll('close', '--reason', 'scanner finding');
    expect(closed, JSON.stringify(closed)).toMatchObject({
      status: 0,
      state: 'done',
      device: {
        state: 'done',
        reason: null,
        before: { verdict: 'server', listening: ['0.0.0.0:1701 xl2tpd'] },
        done: { way: 'service', services: ['xl2tpd.service'] },
        now: { verdict: 'none', listening: [], closed: 'service' },
      },
    });
    expect(stateFrom()).toBe('refused');
    await eventually('the attempts', () => {
      serverCli('order', 'scan', device, '--wait');
      return events().includes('attempts');
    });
    expect(roll('reopen')).toMatchObject({ status: 0, device: { state: 'done', now: { closed: null } } });
    isAsBefore();
    expect(stateFrom()).toBe('exposed');
  });

  test('an agent that is killed with -9 while it obeys, and a server, end where they were ordered to be', async () => {
    for (const afterMs of [100, 900]) {
      const { id } = z
        .object({ id: z.string() })
        .parse(JSON.parse(serverCli('l2tp-server', 'close', '--device', device, '--detach', '--json').out));
      await sleep(afterMs);
      killAgent();
      await server.kill('SIGKILL');
      server = await startServerProcess(folder, below());
      startAgent();
      const rollout = () =>
        rolloutDocument.parse(JSON.parse(serverCli('l2tp-server', 'show', id, '--json').out));
      await eventually('an end', () => rollout().state === 'done' && rollout());
      // Interrupted before anything was done, it says so, and everything is as it was.
      const [line] = rollout().report;
      if (line?.state === 'failed') isAsBefore();
      else expect(line).toMatchObject({ state: 'done', now: { closed: 'service' } });
      roll('reopen');
      isAsBefore();
    }
  });

  test('closed for a time, it is reopened in time, by the agent alone', async () => {
    const request = rolloutRequest.parse({ action: 'close', to: { devices: [device] }, durationSeconds: 20 });
    const store = await openSqlite(join(folder, 'drawbridge.db'));
    const parsed = parsePolicy(POLICY);
    const policy = parsed.ok ? parsed.value : null;
    if (policy === null) throw new Error('the policy is wrong');
    const by = { actor: 'test', now: Date.now() };
    const id = await store.write((db) => requestRollout(db, request, policy, by));
    await store.close();
    await eventually('closed', () => picture().unit.includes('LoadState=masked'));
    await server.kill('SIGKILL');
    expect(id.ok).toBe(true);
    await eventually('the reopening', () => JSON.stringify(picture()) === JSON.stringify(before));
    server = await startServerProcess(folder, below());
    await eventually('the agent again', () => devices()[0]?.connected === true);
  });

  test('what somebody started without a service is not closed by services: all is put back, and said', () => {
    sh('systemctl stop xl2tpd');
    sh(
      'mkdir -p /run/xl2tpd && setsid -f /usr/sbin/xl2tpd -c /etc/xl2tpd/xl2tpd.conf -p /run/own.pid -C /run/own',
    );
    const own = picture();
    const failed = roll('close');
    expect(failed).toMatchObject({
      status: 4,
      device: { state: 'failed', reason: expect.stringContaining('Everything is as before') },
    });
    expect(picture()).toEqual(own);
    expect(stateFrom()).toBe('exposed');
    sh('kill -9 "$(cat /run/own.pid)"; systemctl start xl2tpd');
    isAsBefore();
  });
});

async function eventually<T>(what: string, look: () => T | null | false): Promise<T> {
  const until = performance.now() + 120_000;
  for (;;) {
    const found = look();
    if (found) return found;
    if (performance.now() > until) throw new Error(`did not happen: ${what}`);
    await sleep(300);
  }
}
