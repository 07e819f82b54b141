import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Machine, machine } from './machine.ts';

const BOOT_SECONDS = 120;

export type Output = { code: number; stdout: string; stderr: string };
export type RunOptions = { timeout?: number; stdin?: string | Buffer };

/** Where a script is run: in a node, or (`-`) in the guest that holds them all. */
export type Place = string;

/** Runs a script somewhere in the guest; the guest itself, or a connection to the process that holds it. */
export interface Channel {
  readonly folder: string;
  /** The exit code of `share/.run/ID.sh`. */
  call(id: string, seconds: number, place: Place): Promise<number>;
}

/** Runs a script through a channel. Its files lie in the share, so that only a line travels. */
export async function runScript(
  channel: Channel,
  place: Place,
  script: string,
  { timeout = 60, stdin }: RunOptions = {},
): Promise<Output> {
  const id = randomUUID();
  const folder = join(channel.folder, 'share/.run');
  const at = (kind: string) => join(folder, `${id}.${kind}`);
  writeFileSync(at('sh'), script);
  if (stdin !== undefined) writeFileSync(at('in'), stdin);
  try {
    const code = await channel.call(id, timeout, place);
    const output = { code, stdout: readFileSync(at('out'), 'utf8'), stderr: readFileSync(at('err'), 'utf8') };
    if (code === 124 || code === 137)
      throw new Error(
        `not done after ${timeout} s on ${place}: ${script.slice(0, 500)}\n${output.stdout}${output.stderr}`,
      );
    return output;
  } finally {
    for (const kind of ['sh', 'in', 'out', 'err']) rmSync(at(kind), { force: true });
  }
}

/**
 * The guest's clocks run on whether it gets a processor or not: before other tests on this machine, if we may say so.
 * A session of its own has a group of its own in the kernel's scheduler, within which alone `nice` counts.
 */
function putFirst(pid: number | undefined): void {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, '-5');
  } catch {
    // Not root, or a kernel without such groups.
  }
}

/**
 * The virtual machine. It ends with the process that started it, whatever ends that: the kernel kills it, and the
 * guest powers off by itself when its channel closes.
 */
export class Guest implements Channel {
  readonly folder: string;
  readonly machine: Machine;
  #child: ChildProcess | null = null;
  #waiting = new Map<string, { resolve: (code: number) => void; reject: (error: Error) => void }>();

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(join(folder, 'share/.run'), { recursive: true });
    this.machine = machine(folder);
  }

  /** Resolves when the guest takes commands. */
  async boot(): Promise<void> {
    const child = spawn('/usr/bin/setpriv', ['--pdeathsig', 'KILL', ...this.machine.argv], {
      stdio: 'pipe',
      detached: true,
    });
    putFirst(child.pid);
    child.stderr.pipe(createWriteStream(join(this.folder, 'machine.log'), { flags: 'a' }));
    this.#child = child;
    child.stdin.on('error', () => {});
    const up = new Promise<void>((resolve, reject) => {
      this.#waiting.set('up', { resolve: () => resolve(), reject });
      createInterface({ input: child.stdout }).on('line', (line) => this.#heard(line));
      child.once('error', (error) => this.#gone(child, String(error)));
      child.once('exit', (code, signal) => this.#gone(child, `it ended with ${code ?? signal}`));
    });
    const late = setTimeout(
      () => this.#gone(child, `it took no commands after ${BOOT_SECONDS} s`),
      BOOT_SECONDS * 1_000,
    );
    try {
      await up;
    } finally {
      clearTimeout(late);
    }
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  call(id: string, seconds: number, place: Place): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#child === null) return reject(new Error('the guest does not run'));
      this.#waiting.set(id, { resolve, reject });
      this.#child.stdin?.write(`run ${id} ${Math.ceil(seconds)} ${place}\n`);
    });
  }

  /** As pulling the plug: what was not flushed to the disk is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    await ended;
  }

  #heard(line: string): void {
    const [word, id = '', code] = line.trim().split(' ');
    if (word === '@up') this.#answer('up', 0);
    if (word === '@done') this.#answer(id, Number(code));
  }

  #answer(id: string, code: number): void {
    this.#waiting.get(id)?.resolve(code);
    this.#waiting.delete(id);
  }

  #gone(child: ChildProcess, why: string): void {
    if (this.#child !== child) return;
    this.#child = null;
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    const error = new Error(`the guest is gone: ${why}\n${this.#lastWords()}`);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #lastWords(): string {
    return ['machine.log', 'console.log']
      .map((name) => {
        try {
          return readFileSync(join(this.folder, name), 'utf8').slice(-2_000);
        } catch {
          return '';
        }
      })
      .join('\n');
  }
}
