// npm test: everything, in order of cost, each stage with a time budget of its own.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { install, testNeeds } from './needs.ts';
import {
  countsOf,
  crashedIn,
  failedIn,
  replaced,
  skippedIn,
  type Counts,
  type FileReport,
} from './reports.ts';

type Check = { name: string; argv: string[]; budgetSeconds: number; counted: false };
type Suite = Omit<Check, 'counted'> & { counted: true; projects: string[] };
type Stage = Check | Suite;

const root = join(import.meta.dirname, '..');
const bin = (name: string) => join(root, 'node_modules', '.bin', name);
const output = join(root, 'test-output');
const inCi = process.env.CI === 'true';
/** How often files are run again in which the server of Wine crashed. */
const TIMES_AGAIN = 2;

const suite = (name: string, projects: string[], budgetSeconds: number): Suite => ({
  name,
  projects,
  budgetSeconds,
  counted: true,
  argv: [
    bin('vitest'),
    'run',
    ...projects.flatMap((project) => ['--project', project]),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportPath(name)}`,
  ],
});

const first: Stage[] = [
  { name: 'types', argv: [bin('tsc'), '--noEmit'], budgetSeconds: 60, counted: false },
  {
    name: 'types of the page',
    argv: [bin('tsc'), '--noEmit', '-p', 'src/tray/page'],
    budgetSeconds: 60,
    counted: false,
  },
  { name: 'lint', argv: [bin('oxlint'), '--deny-warnings'], budgetSeconds: 60, counted: false },
  {
    name: 'format',
    argv: [bin('prettier'), '--check', '--log-level', 'warn', '.'],
    budgetSeconds: 60,
    counted: false,
  },
  suite('unit', ['rules', 'unit'], 360),
];
/** The longest, which keeps one core busy: beside everything else from the beginning. */
const longest = [suite('rig', ['rig'], 2_400)];
/** Most of their time is waiting. */
const system = [suite('system', ['system'], 1_600)];
const installed = [suite('desktop', ['desktop'], 400), suite('package', ['package'], 900)];

rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
const notInstalled = install(testNeeds);
const totals: Counts = { passed: 0, failed: 0, skipped: 0 };
const problems: string[] = [];

const rig = inTurn(longest, 'kept');
await inTurn(first, 'inherit');
await Promise.all([inTurn(system, 'inherit'), inTurn(installed, 'kept'), rig]);

for (const why of notInstalled) process.stdout.write(`not installed: ${why}\n`);
if (inCi && totals.skipped > 0)
  problems.push(`${totals.skipped} tests were skipped, which CI does not allow`);
if (totals.passed === 0) problems.push('no test ran');
for (const problem of problems) process.stdout.write(`problem: ${problem}\n`);
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

function reportPath(name: string): string {
  return join(output, `${name}.json`);
}

type Output = 'inherit' | 'kept';

async function inTurn(lane: readonly Stage[], how: Output): Promise<void> {
  for (const stage of lane) await passThrough(stage, how);
}

async function passThrough(stage: Stage, how: Output): Promise<void> {
  const started = performance.now();
  const code = await told(stage, how, started);
  if (stage.counted) add(stage, ...(await settled(stage, how, started, code)));
  else if (code !== 0) problems.push(problemOf(stage, code));
}

type Ended = [code: number | null, files: readonly FileReport[] | null];

/** What counts of a suite that ended with `code`: of files in which the server of Wine crashed, their last run. */
async function settled(stage: Suite, how: Output, started: number, code: number | null): Promise<Ended> {
  let files = reportOf(stage);
  for (let time = 1; time <= TIMES_AGAIN && code !== 0; time += 1) {
    const crashed = crashedIn(files ?? []);
    if (files === null || crashed.length === 0) break;
    const names = crashed.map((file) => relative(root, file));
    process.stdout.write(`again: ${names.join(', ')}: the server of Wine had crashed\n`);
    const next = onlyThese(stage, `${stage.name}-again-${time}`, crashed, started);
    const codeAgain = await told(next, how, performance.now());
    files = replaced(files, reportOf(next) ?? []);
    if (!files.some(({ status }) => status === 'failed')) code = codeAgain;
  }
  return [code, files];
}

/** Some files of a suite, with what is left of its time. */
function onlyThese(stage: Suite, name: string, files: readonly string[], started: number): Suite {
  const left = stage.budgetSeconds - Math.round((performance.now() - started) / 1_000);
  const all = suite(name, stage.projects, left);
  return { ...all, argv: [...all.argv, ...files] };
}

/** Runs a stage and says how it ended; its exit code as `runStage` has it. */
async function told(stage: Stage, how: Output, started: number): Promise<number | null> {
  const code = await runStage(stage, how);
  const seconds = Math.round((performance.now() - started) / 1_000);
  // Two suites that write at the same time could not be read.
  if (how === 'kept') process.stdout.write(readFileSync(logOf(stage.name)));
  process.stdout.write(
    `${code === 0 ? 'ok' : 'FAILED'}  ${stage.name}  ${seconds} s of ${stage.budgetSeconds} s\n`,
  );
  return code;
}

function logOf(name: string): string {
  return join(output, `${name}.txt`);
}

/** The stage's exit code, or null when it ran out of its budget and was ended. */
function runStage(stage: Stage, how: Output): Promise<number | null> {
  const [command = '', ...argv] = stage.argv;
  const log = how === 'kept' ? openSync(logOf(stage.name), 'w') : null;
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [command, ...argv], {
      cwd: root,
      stdio: ['ignore', log ?? 'inherit', log ?? 'inherit'],
      detached: true,
    });
    if (log !== null) closeSync(log);
    const timer = setTimeout(
      () => child.pid && process.kill(-child.pid, 'SIGKILL'),
      stage.budgetSeconds * 1_000,
    );
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

function problemOf(stage: Stage, code: number | null): string {
  return code === null
    ? `${stage.name}: over its budget of ${stage.budgetSeconds} s`
    : `${stage.name} failed`;
}

/** Adds a suite's counts and names what was skipped and what failed. */
function add(stage: Stage, code: number | null, files: readonly FileReport[] | null): void {
  if (code !== 0) problems.push(problemOf(stage, code));
  if (files === null) return void problems.push(`${stage.name} left no report`);
  for (const [key, count] of Object.entries(countsOf(files))) totals[key as keyof Counts] += count;
  problems.push(...failedIn(files, root));
  for (const name of skippedIn(files)) process.stdout.write(`skipped: ${name}\n`);
}

function reportOf(stage: Stage): readonly FileReport[] | null {
  try {
    const report = JSON.parse(readFileSync(reportPath(stage.name), 'utf8')) as { testResults?: FileReport[] };
    return report.testResults ?? [];
  } catch {
    return null;
  }
}
