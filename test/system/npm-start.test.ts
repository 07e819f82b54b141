import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkIds } from '../../collectors/specs.ts';

const root = join(import.meta.dirname, '../..');
let checkout: string;

/** The checkout as a stranger has it: nothing installed, no state. The first start has to see to everything. */
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'drawbridge-checkout-'));
  for (const name of ['src', 'collectors', 'package.json', 'package-lock.json', 'bootstrap.mjs']) {
    cpSync(join(root, name), join(checkout, name), { recursive: true });
  }
});

afterAll(() => rmSync(checkout, { recursive: true, force: true }));

/** As from a shell: without what npm and the test runner add to the environment. */
const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: homedir() };

function npmStart(...argv: string[]) {
  return spawnSync('npm', ['start', '--silent', '--', ...argv], {
    cwd: checkout,
    env,
    encoding: 'utf8',
    timeout: 110_000,
  });
}

const node = () => join(checkout, 'node_modules/.bin/node');
const launcher = () => join(checkout, 'src/cli/start.ts');

const byRisk: Record<string, number> = { low: 0, medium: 1, high: 2 };

describe('npm start', () => {
  let device: string;

  test('--once --json prints exactly one document on standard output and exits by risk', () => {
    const done = npmStart('--once', '--json');
    const lines = done.stdout.trimEnd().split('\n');
    expect(lines, done.stderr).toHaveLength(1);
    const document = JSON.parse(lines[0] ?? '');
    expect(Object.keys(document)).toEqual(['device', 'readings', 'verdicts', 'risk', 'decision']);
    expect(Object.keys(document.risk).toSorted()).toEqual(['level', 'score']);
    expect(Object.keys(document.readings).toSorted()).toEqual([...checkIds].toSorted());
    expect(['allow', 'restrict', 'deny']).toContain(document.decision.access);
    const required = ['os-version', 'os-patch', 'disk-encryption', 'agent'];
    const unknown = required.some((id) => document.readings[id].state === 'unknown');
    expect(done.status).toBe(unknown ? 3 : byRisk[document.risk.level]);
    device = document.device.id;
  });

  test('a second start is the same device, with readings of its own', () => {
    const began = Date.now();
    const document = JSON.parse(npmStart('--once', '--json').stdout);
    expect(document.device.id).toBe(device);
    expect(Date.parse(document.readings.agent.at)).toBeGreaterThanOrEqual(began);
  });

  test('without options it shows the machine, says a line per heartbeat, and Ctrl-C ends everything', async () => {
    const policy = join(checkout, '.drawbridge/server/policy.yaml');
    writeFileSync(policy, readFileSync(policy, 'utf8').replace('everySeconds: 30', 'everySeconds: 5'));
    const child = spawn('npm', ['start', '--silent'], {
      cwd: checkout,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = gather(child);
    await until(() => output().includes('heartbeat'), 60_000, output);
    expect(output()).toMatch(/Check\s+Found\s+Verdict/);
    expect(output()).toMatch(/Risk: (low|medium|high)/);
    expect(output()).toMatch(/VPN: {2}(allowed|restricted|denied)\./);
    process.kill(-(child.pid ?? 0), 'SIGINT');
    await new Promise((resolve) => child.once('exit', resolve));
    expect(ourProcesses()).toEqual([]);
  });

  test('no secret stands in the logs or in the arguments of a process', () => {
    const files = readdirSync(join(checkout, '.drawbridge')).filter((name) => name.endsWith('.log'));
    const admin = readFileSync(join(checkout, '.drawbridge/server/admin-token'), 'utf8').trim();
    expect(files).toEqual(expect.arrayContaining(['agent.log', 'server.log']));
    for (const file of files)
      expect(readFileSync(join(checkout, '.drawbridge', file), 'utf8')).not.toContain(admin);
  });

  test('an output that cannot be written is told, is no verdict, and leaves nothing running', async () => {
    const full = openSync('/dev/full', 'w');
    const done = spawnSync(node(), [launcher(), '--once', '--json'], {
      env,
      stdio: ['ignore', full, 'pipe'],
      timeout: 60_000,
    });
    closeSync(full);
    expect(done.status).toBe(4);
    expect(String(done.stderr)).toMatch(/^Standard output cannot be written \(.*\)\.\n$/);
    await expect.poll(ourProcesses, { timeout: 15_000 }).toEqual([]);
  });

  test('killed with -9 it leaves nothing running, and the next start is not locked out', async () => {
    const child = spawn(node(), [launcher(), '--once', '--json'], { env, stdio: 'ignore' });
    await expect.poll(() => ourProcesses().length, { timeout: 15_000 }).toBeGreaterThan(1);
    child.kill('SIGKILL');
    await expect.poll(ourProcesses, { timeout: 15_000 }).toEqual([]);
    expect(JSON.parse(npmStart('--once', '--json').stdout).device.id).toBe(device);
  });

  test.each([['--bogus'], ['--once', 'extra']])(
    '%s %s is one answer with the help, and no verdict',
    (...argv) => {
      const done = npmStart(...argv);
      expect(done.status).toBe(4);
      expect(done.stderr).toContain('npm start -- --once');
      expect(done.stderr).not.toMatch(/^\s+at /m);
    },
  );

  test('a port that is taken at the first start is no obstacle', async () => {
    rmSync(join(checkout, '.drawbridge'), { recursive: true });
    const blocker = createServer().listen(8443, '127.0.0.1');
    await new Promise((resolve) => blocker.once('listening', resolve).once('error', resolve));
    const done = npmStart('--once', '--json');
    blocker.close();
    expect(JSON.parse(done.stdout).risk.level, done.stderr).toBeDefined();
  });
});

function gather(child: ChildProcess): () => string {
  let all = '';
  child.stdout?.on('data', (chunk) => (all += String(chunk)));
  child.stderr?.on('data', (chunk) => (all += String(chunk)));
  return () => all;
}

async function until(done: () => boolean, ms: number, output: () => string): Promise<void> {
  const end = Date.now() + ms;
  while (!done()) {
    if (Date.now() > end) throw new Error(`not in time:\n${output()}`);
    await wait(100);
  }
}

/** Command lines of processes that run from this checkout. */
function ourProcesses(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && existsSync(`/proc/${name}/cmdline`))
    .map((name) => readCmdline(name))
    .filter((line) => line.includes(checkout));
}

function readCmdline(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
