import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { run } from '../../src/base/exec.ts';

const node = { path: process.execPath };
const script = (source: string) => ['-e', source];

describe('run', () => {
  test('hands over argv as it is, without a shell', async () => {
    const words = ['a b', '$(id)', '`id`', '; ls', '*'];
    const output = await run(node, [
      ...script('console.log(JSON.stringify(process.argv.slice(1)))'),
      '--',
      ...words,
    ]);
    expect(output).toMatchObject({ code: 0, failure: null });
    expect(JSON.parse(output.stdout)).toEqual(words);
  });

  test('gives a fixed environment and folder, nothing inherited', async () => {
    process.env.DRAWBRIDGE_LEAK = 'yes';
    const output = await run(
      node,
      script('console.log(JSON.stringify({ env: process.env, cwd: process.cwd() }))'),
    );
    delete process.env.DRAWBRIDGE_LEAK;
    const { env, cwd } = JSON.parse(output.stdout);
    expect(cwd).toBe('/');
    expect(env).toMatchObject({ LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' });
    expect(env).not.toHaveProperty('DRAWBRIDGE_LEAK');
    expect(env).not.toHaveProperty('NODE_OPTIONS');
  });

  test('input is empty unless given', async () => {
    const source = 'process.stdin.pipe(process.stdout)';
    expect((await run(node, script(source))).stdout).toBe('');
    expect((await run(node, script(source), { stdin: 'héllo' })).stdout).toBe('héllo');
  });

  test('input may come later; the program waits for it', async () => {
    const later = Promise.withResolvers<string>();
    const source = 'process.stdin.pipe(process.stdout)';
    const running = run(node, script(source), { stdinLater: later.promise });
    const first = await Promise.race([running, new Promise((resolve) => setTimeout(resolve, 100, 'waits'))]);
    expect(first).toBe('waits');
    later.resolve('now');
    expect(await running).toMatchObject({ stdout: 'now', code: 0 });
  });

  test('the time of a program counts from its input on', async () => {
    const later = Promise.withResolvers<string>();
    const hanging = script('setInterval(() => {}, 1000)');
    const running = run(node, hanging, { stdinLater: later.promise, timeoutMs: 50 });
    expect(await Promise.race([running, wait(200, 'waits')])).toBe('waits');
    later.resolve('');
    expect(await running).toMatchObject({ failure: 'timeout' });
  });

  test('stands back behind others where it is told to', async () => {
    const source = 'setTimeout(() => console.log(require("os").getPriority()), 50)';
    const own = getPriority();
    expect(Number((await run(node, script(source))).stdout)).toBe(own);
    const niceness = Math.min(own + 7, 19);
    expect(Number((await run(node, script(source), { niceness })).stdout)).toBe(niceness);
  });

  test('keeps exit code and both outputs', async () => {
    const output = await run(node, script('console.log("out"); console.error("err"); process.exit(7)'));
    expect(output).toEqual({ stdout: 'out\n', stderr: 'err\n', code: 7, failure: null });
  });

  test('ends a program that hangs, with its children', async () => {
    const source = `const { spawn } = require('child_process');
      const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
      console.log(child.pid); setInterval(() => {}, 1000)`;
    const output = await run(node, script(source), { timeoutMs: 1_000 });
    expect(output).toMatchObject({ code: null, failure: 'timeout' });
    const grandchild = Number(output.stdout.trim());
    expect(grandchild).toBeGreaterThan(0);
    await wait(100);
    expect(existsSync(`/proc/${grandchild}/exe`)).toBe(false);
  });

  test('ends a program that floods', async () => {
    const source = 'const line = "x".repeat(65536); setInterval(() => process.stdout.write(line), 0)';
    const output = await run(node, script(source), { maxBytes: 1_000_000 });
    expect(output).toMatchObject({ code: null, failure: 'flood' });
    expect(output.stdout.length).toBeLessThanOrEqual(1_000_000);
  });

  test('an abort ends it', async () => {
    const control = new AbortController();
    setTimeout(() => control.abort(), 100);
    const output = await run(node, script('setInterval(() => {}, 1000)'), { signal: control.signal });
    expect(output.failure).toBe('timeout');
  });

  test('a program that is not there, or may not be run, says so', async () => {
    expect((await run({ path: '/nonexistent/tool' }, [])).failure).toBe('not-found');
    expect((await run({ path: '/etc/passwd' }, [])).failure).toBe('denied');
  });

  test('a program that dies by a signal has no code', async () => {
    const output = await run(node, script('process.kill(process.pid, "SIGSEGV")'));
    expect(output).toMatchObject({ code: null, failure: 'signal' });
  });

  test('bytes that are not UTF-8 do not throw', async () => {
    const output = await run(node, script('process.stdout.write(Buffer.from([0xff, 0xfe, 0x41]))'));
    expect(output.stdout).toBe('\uFFFD\uFFFDA');
  });
});
