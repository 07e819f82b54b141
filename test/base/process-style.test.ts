import { existsSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { run, runOurs, useProcessStyle } from '../../src/base/exec.ts';
import { posixStyle, styleFor, windowsStyle } from '../../src/base/process-style.ts';

const node = { path: process.execPath };
const isRoot = process.getuid?.() === 0;

/** Windows' way of ending programs, on a machine that has no taskkill. */
const withoutGroups = { ...windowsStyle, cwd: '/', environment: posixStyle.environment };

afterEach(() => useProcessStyle(posixStyle));

test('each system has its style', () => {
  expect(styleFor('win32')).toBe(windowsStyle);
  expect(styleFor('darwin')).toBe(posixStyle);
  expect(styleFor('linux')).toBe(posixStyle);
});

test('Windows: what its programs need, and no folder in which users can put programs or modules', () => {
  const { environment, cwd } = windowsStyle;
  expect(environment).toMatchObject({ SystemRoot: 'C:\\Windows', PATH: 'C:\\Windows\\System32' });
  expect(environment.PSModulePath).toBe('C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\Modules');
  expect(cwd).toBe('C:\\Windows\\System32');
});

test('the chosen style is what programs get', async () => {
  useProcessStyle({ ...posixStyle, cwd: '/usr', environment: { ONLY: 'this' } });
  const { stdout } = await run(node, ['-e', 'console.log(process.cwd(), JSON.stringify(process.env))']);
  expect(stdout).toBe('/usr {"ONLY":"this"}\n');
});

describe('a program that hangs', () => {
  const escaping = (detached: boolean) => `const { spawn } = require('child_process');
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'],
      { stdio: ['ignore', 'inherit', 'inherit'], detached: ${detached} });
    console.log(child.pid); setInterval(() => {}, 1000)`;

  test.each([
    ['without groups, with a child that holds the output', withoutGroups, false],
    ['with a child that left the group and holds the output', posixStyle, true],
  ])('%s, does not hold us', async (_what, style, detached) => {
    useProcessStyle(style);
    const started = performance.now();
    const output = await run(node, ['-e', escaping(detached)], { timeoutMs: 500 });
    expect(output).toMatchObject({ code: null, failure: 'timeout' });
    expect(performance.now() - started).toBeLessThan(10_000);
    process.kill(Number(output.stdout), 'SIGKILL');
  });

  test('without groups it is ended itself all the same', async () => {
    useProcessStyle(withoutGroups);
    const output = await run(node, ['-e', 'console.log(process.pid); setInterval(() => {}, 1000)'], {
      timeoutMs: 500,
    });
    expect(output.failure).toBe('timeout');
    await wait(50);
    expect(existsSync(`/proc/${Number(output.stdout)}/exe`)).toBe(false);
  });
});

describe('a script of ours', () => {
  test('runs under the same Node, bounded like every program', async () => {
    const output = await runOurs('-p', ['process.execPath']);
    expect(output).toMatchObject({ stdout: `${process.execPath}\n`, code: 0, failure: null });
    const hanging = await runOurs('-e', ['setInterval(() => {}, 1000)'], { timeoutMs: 200 });
    expect(hanging.failure).toBe('timeout');
  });

  test.runIf(isRoot)('as somebody else, without our groups', async () => {
    const script = 'JSON.stringify([process.getuid(), process.getgid(), process.getgroups()])';
    const { stdout } = await runOurs('-p', [script], { user: { uid: 65_534, gid: 65_534 } });
    expect(JSON.parse(stdout)).toEqual([65_534, 65_534, [65_534]]);
  });

  test('that cannot even be started says so', async () => {
    expect((await run(node, ['a\0b'])).failure).toBe('not-found');
    const nobody = { uid: 65_534, gid: 65_534 };
    const script = `import('${import.meta.resolve('../../src/base/exec.ts')}').then(async ({ runOurs }) =>
      console.log((await runOurs('-p', ['1'], { user: { uid: 1, gid: 1 } })).failure))`;
    const options = isRoot ? { user: nobody } : {};
    expect((await runOurs('-e', [script], options)).stdout).toBe('denied\n');
  });
});
