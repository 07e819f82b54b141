import { spawn, type ChildProcess } from 'node:child_process';
import { setPriority } from 'node:os';
import { taskkill, type Command } from './commands.ts';
import { argvFor } from './own-script.ts';
import { posixStyle, type ProcessStyle } from './process-style.ts';

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
  /** Milliseconds until the whole process group is killed; of one that waits for its input, since it has got that. */
  timeoutMs?: number;
  /** Bytes accepted on stdout and stderr together; at the limit the process group is killed. */
  maxBytes?: number;
  /** Text handed over on standard input; without it, input is /dev/null. */
  stdin?: string;
  /** The same once it is known: the program is started at once and waits for it, however long that takes. */
  stdinLater?: Promise<string>;
  signal?: AbortSignal;
  /** How far it stands back behind others: 0 (the same as we) to 19. */
  niceness?: number;
  /** What the program has to know besides the fixed environment. */
  environment?: Readonly<Record<string, string>>;
};

export const DEFAULT_TIMEOUT_MS = 10_000;
export const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;

/** Milliseconds that a killed program's end may take until we go on without it. */
const GIVE_UP_MS = 2_000;

let style = posixStyle;

/** Said once at the start of a command, which alone knows the system; without it, programs are started as on POSIX. */
export function useProcessStyle(chosen: ProcessStyle): void {
  style = chosen;
}

/**
 * Runs one program to its end: no shell, fixed environment and working folder, its own process group.
 * Never rejects: whatever goes wrong is in `failure`. Output is decoded as UTF-8, each wrong byte as U+FFFD.
 * Always resolves, at the latest two seconds after the program was killed.
 */
export function run(command: Command, argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  return runBounded(command.path, argv, options);
}

/** Another account, by numbers. Its supplementary groups are none. */
export type User = { uid: number; gid: number };

/** Runs a script of ours under the same Node as `run` runs a program, as another user where that is asked for. */
export function runOurs(
  script: string,
  argv: readonly string[],
  { user, ...options }: RunOptions & { user?: User } = {},
): Promise<Output> {
  return runBounded(process.execPath, argvFor(script, argv), options, user);
}

function runBounded(
  path: string,
  argv: readonly string[],
  options: RunOptions,
  user?: User,
): Promise<Output> {
  return new Promise((resolve) => {
    try {
      const child = start(path, argv, options.environment, user);
      standBack(child, options.niceness ?? 0);
      collect(child, options, resolve);
    } catch (error) {
      // Most failures to start are events; a NUL in an argument or an account that we may not become are not.
      resolve({ stdout: '', stderr: '', code: null, failure: failureOf(error as NodeJS.ErrnoException) });
    }
  });
}

function start(
  path: string,
  argv: readonly string[],
  environment: RunOptions['environment'],
  user?: User,
): ChildProcess {
  return spawn(path, argv, {
    cwd: style.cwd,
    env: { ...style.environment, ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own, so that a hanging program's children end with it. On Windows it would mean no console.
    detached: style.hasGroups,
    windowsHide: true,
    ...user,
  });
}

function standBack({ pid }: ChildProcess, niceness: number): void {
  if (pid === undefined || niceness === 0) return;
  try {
    setPriority(pid, niceness);
  } catch {
    // It has ended already.
  }
}

function collect(child: ChildProcess, options: RunOptions, resolve: (output: Output) => void) {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, maxBytes = DEFAULT_MAX_BYTES, signal } = options;
  const out: Buffer[] = [];
  const errors: Buffer[] = [];
  let bytes = 0;
  let failure: Output['failure'] = null;
  let givingUp: NodeJS.Timeout | undefined;
  let hasEnded = false;

  const finish = (code: number | null, why: Output['failure']) => {
    hasEnded = true;
    clearTimeout(timer);
    clearTimeout(givingUp);
    signal?.removeEventListener('abort', aborted);
    resolve({ stdout: text(out), stderr: text(errors), code: why ? null : code, failure: why });
  };
  const stop = (why: 'timeout' | 'flood') => {
    if (failure !== null) return;
    failure = why;
    killAll(child);
    givingUp = setTimeout(() => {
      abandon(child);
      finish(null, why);
    }, GIVE_UP_MS);
  };
  const aborted = () => stop('timeout');
  let timer: NodeJS.Timeout | undefined;
  const begin = (input: string) => {
    if (hasEnded) return;
    timer = setTimeout(aborted, timeoutMs);
    child.stdin?.end(input);
  };
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
  if (options.stdinLater === undefined) begin(options.stdin ?? '');
  else void options.stdinLater.then(begin);

  child.once('error', (error: NodeJS.ErrnoException) => finish(null, failureOf(error)));
  child.once('close', (code) => finish(code, failure ?? (code === null ? 'signal' : null)));
}

function text(chunks: Buffer[]): string {
  return Buffer.concat(chunks).toString('utf8');
}

function failureOf(error: NodeJS.ErrnoException): 'not-found' | 'denied' {
  return error.code === 'EACCES' || error.code === 'EPERM' ? 'denied' : 'not-found';
}

function killAll(child: ChildProcess) {
  if (child.pid === undefined) return;
  if (style.hasGroups) killGroup(child.pid);
  else killTree(child, child.pid);
}

function killGroup(pid: number) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group has ended by itself in the meantime.
  }
}

/** Windows has no groups to end. The root of the tree goes last: without it, its children cannot be found. */
function killTree(child: ChildProcess, pid: number) {
  const { cwd, environment } = style;
  const argv = ['/T', '/F', '/PID', String(pid)];
  const killer = spawn(taskkill.path, argv, {
    cwd,
    env: { ...environment },
    stdio: 'ignore',
    windowsHide: true,
  });
  const killRoot = () => void child.kill('SIGKILL');
  killer.once('error', killRoot);
  killer.once('close', killRoot);
}

/** Lets go of a program that does not end, or whose output a child that escaped still holds open. */
function abandon(child: ChildProcess) {
  child.stdin?.destroy();
  child.stdout?.destroy();
  child.stderr?.destroy();
  child.unref();
}

/** Starts another command of ours under the same Node, as a long-running process (`npm start`, tests, benchmarks). */
export function spawnOurs(
  script: string,
  argv: readonly string[],
  options: { stdio: ('ignore' | 'pipe' | 'inherit' | 'ipc')[]; env?: Record<string, string>; cwd?: string },
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

/** Milliseconds after which a program that has not failed is taken to have started well. */
const LET_GO_MS = 5_000;

/**
 * Starts a program of the person's own session and lets it go: unlike `run` with all of that session's environment,
 * since a browser is found and shown by it. False when it could not be started, or fails at once.
 */
export function release(
  command: Command,
  argv: readonly string[],
  env: Record<string, string> = {},
): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command.path, argv, {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, ...env },
    });
    const timer = setTimeout(() => resolve(true), LET_GO_MS).unref();
    const end = (isWell: boolean) => {
      clearTimeout(timer);
      resolve(isWell);
    };
    child.once('error', () => end(false));
    child.once('exit', (code) => end(code === 0));
    child.unref();
  });
}

/** Starts a program of ours that lies beside this one, in the person's own session; it ends when its input does. */
export function spawnHelper(path: string, argv: readonly string[]): ChildProcess {
  return spawn(path, argv, { stdio: ['pipe', 'pipe', 'ignore'], windowsHide: true });
}
