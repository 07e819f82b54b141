import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { checkIds } from '../../collectors/specs.ts';
import { eventually, startServer, temporaryFolder } from '../agent/harness.ts';

const CLI = join(import.meta.dirname, '../../src/cli/drawbridge.ts');

type Outcome = { code: number | null; out: string; err: string };

function run(argv: string[], input = '', env: Record<string, string> = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [CLI, ...argv], { env: { PATH: process.env.PATH ?? '', ...env } });
  const outcome = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (outcome.out += String(chunk)));
  child.stderr.on('data', (chunk) => (outcome.err += String(chunk)));
  child.stdin.end(input);
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, ...outcome })));
}

function startDaemon(state: string) {
  const child = spawn(process.execPath, [CLI, 'agent', '--state', state], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

describe('check', () => {
  test('prints a table, the risk, and what to do first, without colours into a pipe', async () => {
    const { code, out, err } = await run(['check', '--state', await temporaryFolder()]);
    for (const id of checkIds) expect(out).toContain(id);
    expect(out).toMatch(/^Risk: (low|medium|high) \(score \d+, policy “default”\)$/m);
    expect(out).not.toContain('\u001B');
    expect(err).toBe('');
    expect([0, 1, 2, 3]).toContain(code);
  });

  test('--json prints one document that agrees with the exit code', async () => {
    const { code, out } = await run(['check', '--json', '--state', await temporaryFolder()]);
    const document = JSON.parse(out);
    expect(Object.keys(document)).toEqual([
      'device',
      'readings',
      'verdicts',
      'risk',
      'firstToFix',
      'requiredUnknown',
      'policy',
    ]);
    expect(Object.keys(document.readings)).toEqual(checkIds);
    const byRisk: Record<string, number> = { low: 0, medium: 1, high: 2 };
    expect(code).toBe(document.requiredUnknown.length > 0 ? 3 : byRisk[document.risk.level]);
  });
});

test('enroll, agent, status and doctor, from beginning to end', async () => {
  const server = await startServer();
  const state = await temporaryFolder();
  const before = await run(['status', '--state', state]);
  expect(before).toMatchObject({ code: 3, err: expect.stringContaining('drawbridge agent') });
  const enrolled = await run(
    ['enroll', '--server', server.url, '--token-stdin', '--state', state, '--json'],
    `${server.token()}\n`,
  );
  expect(enrolled.code).toBe(0);
  expect(JSON.parse(enrolled.out)).toMatchObject({ device: server.device, status: 'enrolled' });
  const daemon = startDaemon(state);
  await eventually('a report', () => server.reports.length > 0);
  const connected = await eventually('it to be shown', async () => {
    const { code, out } = await run(['status', '--state', state, '--json']);
    return code === 0 ? JSON.parse(out) : null;
  });
  expect(connected).toMatchObject({ running: true, status: { connection: { state: 'connected' } } });
  const doctor = await run(['doctor', '--state', state]);
  expect(doctor.out).toContain('the server proves its order root');
  expect(doctor.out).toMatch(/transport +ok +WebSocket/);
  expect(doctor.code).toBe(0);
  expect(await daemon.stop()).toBe(0);
  expect(await run(['status', '--state', state])).toMatchObject({
    code: 3,
    out: expect.stringContaining('not running'),
  });
  await server.stop();
  expect(await run(['doctor', '--state', state, '--json'])).toMatchObject({
    code: 1,
    out: expect.stringContaining('ECONNREFUSED'),
  });
});

test('a token on the command line works, with a warning; a file does without', async () => {
  const server = await startServer();
  const [one, two] = [await temporaryFolder(), await temporaryFolder()];
  const open = await run(['enroll', '--server', server.url, '--token', server.token(), '--state', one]);
  expect(open).toMatchObject({ code: 0, err: expect.stringContaining('prefer --token-stdin') });
  expect(open.out).toContain(`as device ${server.device}`);
  const file = join(two, 'token');
  await writeFile(file, server.token());
  const quiet = await run(['enroll', '--server', server.url, '--token-file', file, '--state', two]);
  expect(quiet).toMatchObject({ code: 0, err: '' });
  expect(await readFile(join(two, 'enrolment.json'), 'utf8')).not.toContain('A'.repeat(22));
});

describe('mistakes', () => {
  test.each<[string[], string]>([
    [['enroll', '--token', 'x'], 'three parts separated by dots'],
    [['enroll', '--server', 'https://a.example'], 'Give the token once'],
    [['enroll', '--server', 'https://a.example', '--token', 'x', '--token-stdin'], 'Give the token once'],
    [['check', '--config', '/nowhere/agent.yaml'], '/nowhere/agent.yaml'],
    [['chek'], 'Did you mean check?'],
  ])('%j is one sentence, not a stack', async (argv, sentence) => {
    const { code, out, err } = await run(argv);
    expect(code).not.toBe(0);
    expect(err).toContain(sentence);
    expect(err).not.toContain(' at ');
    expect(out).toBe('');
  });

  test('a server with another order root', async () => {
    const server = await startServer({ foreignRoot: true });
    const argv = ['enroll', '--server', server.url, '--token-stdin', '--state', await temporaryFolder()];
    expect(await run(argv, server.token())).toMatchObject({
      code: 4,
      err: expect.stringContaining('secret was not sent'),
    });
  });

  test('a wrong setting is named with its place', async () => {
    const file = join(await temporaryFolder(), 'agent.yaml');
    await writeFile(file, 'colect:\n  everySeconds: 60\n');
    expect(await run(['status', '--config', file])).toMatchObject({
      code: 4,
      err: `${file}:1:1: unknown setting "colect"; did you mean "collect"?\n`,
    });
  });
});

test.each(['check', 'status', 'doctor', 'enroll', 'agent'])('%s --help teaches', async (command) => {
  const { code, out } = await run([command, '--help']);
  expect(code).toBe(0);
  expect(out).toContain('--state');
  expect(out).toMatch(/Exit code|Examples/);
});

test('damaged state files are told apart from missing ones', async () => {
  const state = await temporaryFolder();
  await writeFile(join(state, 'enrolment.json'), 'garbage');
  await writeFile(join(state, 'status.json'), 'garbage');
  expect((await run(['status', '--state', state])).err).toContain('status.json is damaged');
  const { out } = await run(['doctor', '--state', state]);
  expect(out).toContain('Enrol again with a new token: drawbridge enroll --again');
});
