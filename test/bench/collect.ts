import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_QUESTIONS, type Host } from '../../collectors/check.ts';
import { linux } from '../../collectors/linux.ts';
import { checkIds } from '../../collectors/specs.ts';
import { scriptFor } from '../../collectors/windows-script.ts';
import { createHost } from '../../src/agent/host.ts';
import { install, isRoot } from '../needs.ts';
import { median, ratio, type Bench, type BenchReport, type Measure } from './report.ts';

const ROUNDS = 7;
const GOAL_MS = 700;
const root = join(import.meta.dirname, '../..');

type Subject = { what: string; command: string; argv: string[]; note?: string };

/** `drawbridge check` beside three tools that read a machine as well, in turn, so that all see the same noise. */
export const bench: Bench = {
  what: 'Reading this machine: drawbridge check, facter, ocsinventory-agent, systeminformation',
  async run() {
    const state = mkdtempSync(join(tmpdir(), 'drawbridge-collect-'));
    try {
      return await measure(state);
    } finally {
      rmSync(state, { recursive: true, force: true });
    }
  },
};

async function measure(state: string): Promise<BenchReport> {
  const missing = install([
    { package: 'facter', file: '/usr/bin/facter' },
    { package: 'ocsinventory-agent', file: '/usr/bin/ocsinventory-agent' },
  ]);
  const first = milliseconds('drawbridge check, first run', [time(check(state))], 'empty state folder');
  const { ours, others } = inTurn(
    check(state),
    peers().filter((peer) => existsSync(peer.command)),
  );
  return {
    measures: [first, ours, ...others, ...(await costs())],
    ratios: others.map((other) => ratio('unchanged check', ours, other)),
    goals: [
      {
        what: 'unchanged run',
        goal: `under ${GOAL_MS} ms`,
        value: `${Math.round(ours.value)} ms`,
        met: ours.value < GOAL_MS,
      },
    ],
    notes: [
      ...missing,
      windowsCycleCost(),
      `Median of ${ROUNDS} runs in turn. ${isRoot ? 'As root.' : 'Not root: some readings say denied, which costs less.'}`,
    ],
  };
}

function check(state: string): Subject {
  const argv = [join(root, 'src/cli/drawbridge.ts'), 'check', '--json', '--state', state];
  return { what: 'drawbridge check, unchanged', command: process.execPath, argv };
}

function peers(): Subject[] {
  const systeminformation =
    "require('systeminformation').getAllData().then((all) => console.log(JSON.stringify(all)))";
  return [
    { what: 'facter', command: '/usr/bin/facter', argv: ['--json'] },
    { what: 'ocsinventory-agent', command: '/usr/bin/ocsinventory-agent', argv: ['--stdout', '--force'] },
    {
      what: 'systeminformation',
      command: process.execPath,
      argv: ['-e', systeminformation],
      note: 'getAllData()',
    },
  ];
}

function inTurn(own: Subject, others: Subject[]): { ours: Measure; others: Measure[] } {
  const subjects = [own, ...others];
  const times = subjects.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    subjects.forEach((subject, index) => times[index]?.push(time(subject)));
  }
  const measures = subjects.map((subject, index) =>
    milliseconds(subject.what, times[index] ?? [], subject.note),
  );
  const [ours, ...rest] = measures;
  if (!ours) throw new Error('nothing was measured');
  return { ours, others: rest };
}

function time(subject: Subject): number {
  const started = performance.now();
  const done = spawnSync(subject.command, subject.argv, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 120_000,
  });
  if (done.error) throw done.error;
  if (done.stdout.length === 0) throw new Error(`${subject.what} printed nothing`);
  return performance.now() - started;
}

function milliseconds(what: string, values: number[], note?: string): Measure {
  return { what, value: median(values), unit: 'ms', ...(note === undefined ? {} : { note }) };
}

/** What can be known here of one full cycle on Windows: processes, and bytes handed over to and from the script. */
function windowsCycleCost(): string {
  const script = scriptFor('full', (file) => readFileSync(join(root, 'collectors', file), 'utf8'));
  const laptop = statSync(join(root, 'test/fixtures/windows-document/laptop.json')).size;
  return `A full cycle on Windows: 1 PowerShell process, ${script.length} bytes of script in, ${laptop} bytes of document out (a laptop of the fixtures).`;
}

/** What each check costs by itself, with nothing cached: time, processes and the bytes they handed over. */
async function costs(): Promise<Measure[]> {
  const measures: Measure[] = [];
  for (const id of checkIds) {
    const spent = { processes: 0, bytes: 0 };
    const host = counting(createHost({ self: selfForBench, questions: NO_QUESTIONS }), spent);
    const before = cpuMs();
    const started = performance.now();
    await linux[id](host);
    const note = `${spent.processes} processes, ${spent.bytes} bytes, ${Math.round(cpuMs() - before)} ms CPU`;
    measures.push({
      what: `check ${id}, nothing cached`,
      value: performance.now() - started,
      unit: 'ms',
      note,
    });
  }
  return measures;
}

const selfForBench = () => ({
  version: '0.0.0',
  startedAt: new Date(0).toISOString(),
  keyProtection: null,
  integrity: null,
  spoolDropped: 0,
  crashes: 0,
  managed: [],
});

function counting(host: Host, spent: { processes: number; bytes: number }): Host {
  return Object.assign(Object.create(host) as Host, {
    async run(...args: Parameters<Host['run']>) {
      const output = await host.run(...args);
      if (output.failure !== 'not-found') spent.processes += 1;
      spent.bytes += output.stdout.length + output.stderr.length;
      return output;
    },
  });
}

/** CPU of this process and of the children it has waited for (proc_pid_stat(5), fields 14 to 17, 100 ticks a second). */
function cpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks * 10;
}
