// npm test: everything, in order of cost, each stage with a time budget of its own.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
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
  suite('unit', ['rules', 'unit'], 180),
];
/** Most of their time is waiting; the rig's guest keeps one core busy. Beside each other they fill two. */
const lanes: Stage[][] = [
  [
    suite('system', ['system'], 1_200),
    suite('desktop', ['desktop'], 300),
    suite('package', ['package'], 480),
  ],
  [suite('rig', ['rig'], 1_500)],
];

rmSync(output, { recursive: true, force: true });
mkdirSync(output, { recursive: true });
const notInstalled = install(testNeeds);
const totals: Counts = { passed: 0, failed: 0, skipped: 0 };
const problems: string[] = [];

for (const stage of first) await passThrough(stage, 'inherit');
const [shown = [], ...kept] = lanes;
await Promise.all([inTurn(shown, 'inherit'), ...kept.map((lane) => inTurn(lane, 'kept'))]);

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

/** Titles of skipped tests; a test that can be skipped says why in its title. */
function skippedIn(report: Record<string, unknown>): string[] {
  const files = (report.testResults ?? []) as { assertionResults: { status: string; fullName: string }[] }[];
  const tests = files.flatMap((file) => file.assertionResults);
  return tests
    .filter((one) => ['skipped', 'pending', 'todo'].includes(one.status))
    .map((one) => one.fullName);
}

/** Adds a suite's counts and names what was skipped. */
function add(stage: Stage) {
  try {
    const report = JSON.parse(readFileSync(reportOf(stage.name), 'utf8')) as Record<string, unknown>;
    totals.passed += Number(report.numPassedTests ?? 0);
    totals.failed += Number(report.numFailedTests ?? 0);
    totals.skipped += Number(report.numPendingTests ?? 0) + Number(report.numTodoTests ?? 0);
    for (const name of skippedIn(report)) process.stdout.write(`skipped: ${name}\n`);
  } catch {
    problems.push(`${stage.name} left no report`);
  }
}
