// npm test: everything, in order of cost, each stage with a time budget of its own.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { install, testNeeds } from './needs.ts';

type Stage = { name: string; argv: string[]; budgetSeconds: number; counted: boolean };
type Counts = { passed: number; failed: number; skipped: number };

const root = join(import.meta.dirname, '..');
const bin = (name: string) => join(root, 'node_modules', '.bin', name);
const output = join(root, 'test-output');
const inCi = process.env.CI === 'true';

const suite = (name: string, projects: string[], budgetSeconds: number): Stage => ({
  name,
  budgetSeconds,
  counted: true,
  argv: [
    bin('vitest'),
    'run',
    ...projects.flatMap((project) => ['--project', project]),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportOf(name)}`,
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

function reportOf(name: string): string {
  return join(output, `${name}.json`);
}

type Output = 'inherit' | 'kept';

async function inTurn(lane: readonly Stage[], how: Output): Promise<void> {
  for (const stage of lane) await passThrough(stage, how);
}

async function passThrough(stage: Stage, how: Output): Promise<void> {
  const started = performance.now();
  const code = await runStage(stage, how);
  const seconds = Math.round((performance.now() - started) / 1_000);
  // Two suites that write at the same time could not be read.
  if (how === 'kept') process.stdout.write(readFileSync(logOf(stage.name)));
  process.stdout.write(
    `${code === 0 ? 'ok' : 'FAILED'}  ${stage.name}  ${seconds} s of ${stage.budgetSeconds} s\n`,
  );
  if (code !== 0)
    problems.push(
      code === null ? `${stage.name}: over its budget of ${stage.budgetSeconds} s` : `${stage.name} failed`,
    );
  if (stage.counted) add(stage);
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

type Outcome = { status: string; fullName: string; failureMessages?: string[] };
type FileReport = { name: string; status: string; message: string; assertionResults: Outcome[] };

/** Titles of skipped tests; a test that can be skipped says why in its title. */
function skippedIn(files: FileReport[]): string[] {
  const tests = files.flatMap((file) => file.assertionResults);
  return tests
    .filter((one) => ['skipped', 'pending', 'todo'].includes(one.status))
    .map((one) => one.fullName);
}

/** What failed, a line each: a file that could not be run, or a test with the first line of its reason. */
function failedIn(files: FileReport[]): string[] {
  return files.flatMap(({ name, status, message, assertionResults }) => {
    const tests = assertionResults.filter((one) => one.status === 'failed');
    const file = relative(root, name);
    if (tests.length === 0) return status === 'failed' ? [`${file}: ${firstLine(message)}`] : [];
    return tests.map((one) => `${file}: ${one.fullName}: ${firstLine(one.failureMessages?.[0])}`);
  });
}

function firstLine(text = ''): string {
  return stripVTControlCharacters(text).trim().split('\n', 1)[0]?.slice(0, 300) ?? '';
}

/** Adds a suite's counts and names what was skipped and what failed. */
function add(stage: Stage) {
  try {
    const report = JSON.parse(readFileSync(reportOf(stage.name), 'utf8')) as Record<string, unknown>;
    totals.passed += Number(report.numPassedTests ?? 0);
    totals.failed += Number(report.numFailedTests ?? 0);
    totals.skipped += Number(report.numPendingTests ?? 0) + Number(report.numTodoTests ?? 0);
    const files = (report.testResults ?? []) as FileReport[];
    problems.push(...failedIn(files));
    for (const name of skippedIn(files)) process.stdout.write(`skipped: ${name}\n`);
  } catch {
    problems.push(`${stage.name} left no report`);
  }
}
