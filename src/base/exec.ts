import { spawn, type ChildProcess } from 'node:child_process';
import type { Command } from './commands.ts';

export type { ChildProcess } from 'node:child_process';

/** What a program answered. `code` is null when it was ended by us or by a signal. */
export type Output = {
  stdout: string;
  stderr: string;
  code: number | null;
  /** Why there is no ordinary answer: not there, not allowed to start, out of time, or more than `maxBytes`. */
  failure: null | 'not-found' | 'denied' | 'timeout' | 'flood' | 'signal';
};

export type RunOptions = {
  /** Milliseconds until the whole process group is killed. */
  timeoutMs?: number;
  /** Bytes accepted on stdout and stderr together; at the limit the process group is killed. */
  maxBytes?: number;
  /** Text handed over on standard input; without it, input is /dev/null. */
  stdin?: string;
  signal?: AbortSignal;
};

export const DEFAULT_TIMEOUT_MS = 10_000;
export const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;

/** The whole environment of every program we start: C locale, UTC, a fixed path, nothing inherited. */
const ENVIRONMENT = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  LANG: 'C',
  LANGUAGE: '',
  TZ: 'UTC',
  NO_COLOR: '1',
  SYSTEMD_COLORS: '0',
  SYSTEMD_PAGER: '',
  HOME: '/',
} as const;

/**
 * Runs one program to its end: no shell, fixed environment, `/` as working folder, its own process group.
 * Never rejects: whatever goes wrong is in `failure`. Output is decoded as UTF-8, each wrong byte as U+FFFD.
 */
export function run(command: Command, argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  return new Promise((resolve) => {
    const child = spawn(command.path, argv, {
      cwd: '/',
      env: { ...ENVIRONMENT },
      stdio: ['pipe', 'pipe', 'pipe'],
      // A group of its own, so that a hanging program's children end with it.
      detached: true,
      windowsHide: true,
    });
    collect(child, options, resolve);
  });
}

function collect(child: ChildProcess, options: RunOptions, resolve: (output: Output) => void) {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, maxBytes = DEFAULT_MAX_BYTES, signal } = options;
  const out: Buffer[] = [];
  const errors: Buffer[] = [];
  let bytes = 0;
  let failure: Output['failure'] = null;

  const stop = (why: 'timeout' | 'flood') => {
    failure ??= why;
    killGroup(child);
  };
  const aborted = () => stop('timeout');
  const timer = setTimeout(aborted, timeoutMs);
  signal?.addEventListener('abort', aborted, { once: true });
  if (signal?.aborted) aborted();

  const keep = (into: Buffer[]) => (chunk: Buffer) => {
    if (bytes + chunk.length > maxBytes) return stop('flood');
    bytes += chunk.length;
    into.push(chunk);
  };
  child.stdout?.on('data', keep(out));
  child.stderr?.on('data', keep(errors));
  // A program that does not read its input must not end us with EPIPE.
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.stdin ?? '');

  const finish = (code: number | null, why: Output['failure']) => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', aborted);
    resolve({ stdout: text(out), stderr: text(errors), code: why ? null : code, failure: why });
  };
  child.once('error', (error: NodeJS.ErrnoException) => finish(null, failureOf(error)));
  child.once('close', (code) => finish(code, failure ?? (code === null ? 'signal' : null)));
}

function text(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}

function failureOf(error: NodeJS.ErrnoException): 'not-found' | 'denied' {
  return error.code === 'EACCES' || error.code === 'EPERM' ? 'denied' : 'not-found';
}

function killGroup(child: ChildProcess) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group has ended by itself in the meantime.
  }
}

/** Starts another command of ours under the same Node, as a long-running process (`npm start`, tests, benchmarks). */
export function spawnOurs(
  script: string,
  argv: readonly string[],
  options: { stdio: ('ignore' | 'pipe' | 'inherit')[]; env?: Record<string, string>; cwd?: string },
): ChildProcess {
  const { PATH = '' } = process.env;
  return spawn(process.execPath, [script, ...argv], {
    stdio: options.stdio,
    env: { PATH, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    // Ctrl-C goes to the foreground group; the launcher alone decides in which order its children stop.
    detached: true,
  });
}
