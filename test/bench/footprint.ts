import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { formats, makeAll } from '../../packaging/build/make.ts';
import { parts } from '../../packaging/build/parts.ts';
import { targets } from '../../packaging/build/targets.ts';
import { productVersion } from '../../src/base/version.ts';
import { serverFolder, startServerProcess } from '../support/server-process.ts';
import { median, type Bench, type BenchReport, type Goal, type Measure } from './report.ts';

const root = join(import.meta.dirname, '../..');
const SERVER_CLI = join(root, 'src/cli/drawbridge-server.ts');
const MINUTES = 10;
const STARTS = 7;
const MIB = 2 ** 20;
/** Clock ticks a second in /proc; Linux has had no other value for user space for decades. */
const TICKS = 100;

/** What the packaged agent costs the laptop it runs on: sizes, start, memory, processor, network. */
export const bench: Bench = {
  what: 'What the packaged agent costs: size, start, memory, processor and bytes while idle',
  async run(args) {
    const minutes = Number(args[args.indexOf('--minutes') + 1] ?? NaN);
    const out = mkdtempSync(join(tmpdir(), 'drawbridge-footprint-'));
    try {
      return await measure(out, args.includes('--minutes') && minutes > 0 ? minutes : MINUTES);
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  },
};

async function measure(out: string, minutes: number): Promise<BenchReport> {
  const sizes = await packageSizes(out);
  const executable = join(out, 'bin/linux-x64/drawbridge');
  const starts = await coldAndWarm(executable);
  const floors = await bareNode();
  const running = await whileRunning(executable, minutes);
  const measures = [...sizes, ...starts, ...floors, ...running];
  return { measures, ratios: [], goals: goalsFor(measures, minutes), notes };
}

const notes = [
  'Peers, by their own documentation and sources (none was run here): osquery ends its worker above 200 MB or 10 % of all cores for 12 s (restrictive: 100 MB, 5 % for 6 s); kolide launcher gives osquery 600 MB and 50 % with the watchdog off by default; Wazuh plots footprints for every release and names no limit; Fleet, NetBird and Tailscale publish no figure.',
  'Private memory is the process’s own (anonymous) pages. RSS counts the pages of the executable that happen to be in memory, which the kernel takes back when it needs them.',
];

/** The systems whose packages are made; Linux' one is run, too. */
const TARGETS = ['linux-x64', 'macos-arm64', 'macos-x64', 'win-x64'];

/** Packages as they are released: compressed as small as is sensible. Of two of a kind the larger one counts. */
async function packageSizes(out: string): Promise<Measure[]> {
  await makeAll({
    root,
    out,
    version: productVersion(),
    targets: targets.filter(({ name }) => TARGETS.includes(name)),
    parts: parts.filter(({ name }) => name === 'drawbridge'),
    formats,
    quick: false,
    say: () => {},
  });
  const packages = readdirSync(join(out, 'packages'));
  const sizes = formats.map((what): Measure => {
    const files = packages.filter((name) => name.endsWith(`.${what}`));
    const bytes = files.map((name) => statSync(join(out, 'packages', name)).size);
    return { what, value: Math.max(...bytes) / 1e6, unit: 'MB' };
  });
  const executable = statSync(join(out, 'bin/linux-x64/drawbridge')).size / 1e6;
  return [...sizes, { what: 'executable', value: executable, unit: 'MB' }];
}

/** Milliseconds until `--version` was answered, with the executable out of the page cache and in it. */
async function coldAndWarm(executable: string): Promise<Measure[]> {
  const time = () => {
    const began = performance.now();
    const { status } = spawnSync(executable, ['--version'], { stdio: 'ignore' });
    if (status !== 0) throw new Error(`${executable} does not start`);
    return performance.now() - began;
  };
  const cold = Array.from({ length: STARTS }, () => {
    // dd with no data: the one way to POSIX_FADV_DONTNEED from a shell tool.
    spawnSync('/usr/bin/dd', [
      `of=${executable}`,
      'oflag=nocache',
      'conv=notrunc,fdatasync',
      'count=0',
      'status=none',
    ]);
    return time();
  });
  time();
  const warm = Array.from({ length: STARTS }, time);
  return [
    {
      what: 'cold start',
      value: median(cold),
      unit: 'ms',
      note: `median of ${STARTS}, executable not cached`,
    },
    { what: 'warm start', value: median(warm), unit: 'ms', note: `median of ${STARTS}` },
  ];
}

/** What a program that does nothing has of its own in the same Node: bare, and with the modules of Node's that the agent uses. */
async function bareNode(): Promise<Measure[]> {
  const flags = parts.find(({ name }) => name === 'drawbridge')?.execArgv ?? [];
  const privateOf = async (code: string) => {
    const child = spawn(process.execPath, [...flags, '-e', `${code}; setInterval(() => {}, 1e9)`], {
      stdio: 'ignore',
      env: unitEnvironment(),
    });
    await wait(5_000);
    const { private: own } = memoryOf(child.pid ?? 0);
    child.kill();
    return own;
  };
  const used = ['https', 'crypto', 'child_process', 'dgram', 'zlib', 'fs/promises', 'dns/promises'];
  const loaded = used.map((name) => `require('node:${name}')`).join(', ');
  return [
    { what: 'private memory of a bare Node', value: await privateOf('0'), unit: 'MiB', note: 'does nothing' },
    {
      what: 'private memory of Node with its modules',
      value: await privateOf(loaded),
      unit: 'MiB',
      note: 'TLS, HTTP, … loaded, and nothing done with them',
    },
  ];
}

/** An enrolled agent beside a real server on loopback: settled, then idle for `minutes`, then after a burst. */
async function whileRunning(executable: string, minutes: number): Promise<Measure[]> {
  // The command that orders readings finds the server by its settings.
  const folder = serverFolder(await freePort());
  const state = mkdtempSync(join(tmpdir(), 'drawbridge-footprint-state-'));
  writeFileSync(join(state, 'agent.yaml'), '');
  const server = await startServerProcess(folder.path);
  // As on any laptop, the settings have lain there for a while when the agent starts.
  await wait(2_000);
  const options = ['--config', join(state, 'agent.yaml'), '--state', join(state, 'state')];
  const enrolled = spawnSync(
    executable,
    ['enroll', '--server', server.target.url, '--token-stdin', '--json', ...options],
    {
      input: folder.token(),
      encoding: 'utf8',
    },
  );
  if (enrolled.status !== 0) throw new Error(enrolled.stderr);
  const { device } = JSON.parse(enrolled.stdout) as { device: string };
  const agent = spawn(executable, ['agent', '--observe', ...options], {
    stdio: 'ignore',
    env: unitEnvironment(),
  });
  try {
    const pid = agent.pid ?? 0;
    await wait(Math.min(60_000, minutes * 60_000));
    return await idleAndBurst(pid, minutes, () => orderReadings(folder.path, device));
  } finally {
    agent.kill('SIGTERM');
    await server.kill('SIGTERM');
    folder.remove();
    rmSync(state, { recursive: true, force: true });
  }
}

/** The environment that the service's unit gives the agent: nothing of ours, which may name authorities to read. */
function unitEnvironment(): Record<string, string> {
  const unit = readFileSync(join(root, 'packaging/linux/drawbridge/drawbridge.service'), 'utf8');
  const [, pairs = ''] = /^Environment=(.*)$/m.exec(unit) ?? [];
  const own = [...pairs.matchAll(/(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]);
  return { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...Object.fromEntries(own) };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}

async function idleAndBurst(pid: number, minutes: number, work: () => void): Promise<Measure[]> {
  const before = { cpu: cpuSeconds(pid), bytes: bytesOf(pid) };
  await wait(minutes * 60_000);
  const idle = memoryOf(pid);
  const cpu = ((cpuSeconds(pid) - before.cpu) / (minutes * 60)) * 100;
  const moved = bytesOf(pid) - before.bytes;
  // What a connection has counted is gone with it: after another one began nobody can say.
  const bytes = moved < 0 ? NaN : (moved / minutes) * 60;
  work();
  await wait(20_000);
  const after = memoryOf(pid);
  return [
    { what: 'private memory idle', value: idle.private, unit: 'MiB' },
    { what: 'PSS idle', value: idle.pss, unit: 'MiB' },
    { what: 'RSS idle', value: idle.rss, unit: 'MiB' },
    {
      what: 'RSS after a burst',
      value: after.rss,
      unit: 'MiB',
      note: '20 s after ten full readings in a row',
    },
    {
      what: 'processor idle',
      value: cpu,
      unit: '% of one',
      note: `with its children, ${minutes} min, readings every 5 min`,
    },
    {
      what: 'bytes idle',
      value: bytes / 1_000,
      unit: 'kB an hour',
      note: `both ways, TLS and all, without TCP/IP headers; what ${minutes} min took, times ${60 / minutes}`,
    },
  ];
}

/** The server orders ten full readings in a row, each waited for. */
function orderReadings(data: string, device: string): void {
  for (let round = 0; round < 10; round += 1) {
    const argv = [SERVER_CLI, 'order', 'scan', device, '--wait', '--data', data];
    const { status, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`order scan: ${stderr}`);
  }
}

function memoryOf(pid: number): { private: number; pss: number; rss: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? NaN);
  const mib = (kilobytes: number) => (kilobytes * 1_024) / MIB;
  return { private: mib(kb('Anonymous')), pss: mib(kb('Pss')), rss: mib(kb('Rss')) };
}

/** Of the process and the programs that it has waited for. */
function cpuSeconds(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field] ?? 0), 0) / TICKS;
}

/** Sent and received by the sockets that the process has now, as the kernel counts them. */
function bytesOf(pid: number): number {
  const { stdout } = spawnSync('/usr/bin/ss', ['-tinpOH'], { encoding: 'utf8' });
  const own = stdout.split('\n').filter((line) => line.includes(`pid=${pid},`));
  const counts = own.flatMap((line) => [...line.matchAll(/bytes_(?:sent|received):(\d+)/g)]);
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

type Limit = { what: string; below: number };

const LIMITS: readonly Limit[] = [
  { what: 'deb', below: 32 },
  { what: 'rpm', below: 32 },
  { what: 'msi', below: 44 },
  { what: 'pkg', below: 48 },
  { what: 'cold start', below: 150 },
  { what: 'private memory idle', below: 16 },
  { what: 'RSS after a burst', below: 90 },
  { what: 'processor idle', below: 0.1 },
];

function goalsFor(measures: readonly Measure[], minutes: number): Goal[] {
  const measured = LIMITS.filter(({ what }) => measures.some((one) => one.what === what));
  const goals = measured.map(({ what, below }): Goal => {
    const { value, unit } = measures.find((one) => one.what === what) ?? { value: NaN, unit: '' };
    return { what, goal: `${below} ${unit}`, value: `${value.toFixed(2)} ${unit}`, met: value <= below };
  });
  const long: Goal = {
    what: 'idle time',
    goal: `${MINUTES} min`,
    value: `${minutes} min`,
    met: minutes >= MINUTES,
  };
  return [...goals, long];
}
