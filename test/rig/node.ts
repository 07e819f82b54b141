import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Channel, type Output, type Place, type RunOptions, runScript } from './guest.ts';

/** The checkout as every node sees it, read-only. */
export const CHECKOUT = '/checkout';
/** Node 26 inside the guest: the checkout's own. */
export const NODE_JS = `${CHECKOUT}/node_modules/.bin/node`;

/** A program and its arguments; or a bash script, as text. */
export type Command = string | readonly string[];
export type Text = string | { text: string; mode: number };

/** One machine of the rig, or the guest that holds them all. */
export class RigNode {
  readonly name: string;
  readonly #channel: Channel;
  readonly #place: Place;

  constructor(channel: Channel, name: string, place: Place = name) {
    this.#channel = channel;
    this.name = name;
    this.#place = place;
  }

  /** Runs to the end, whatever the exit code. Over its time (seconds, 60) it is an error. */
  exec(command: Command, options?: RunOptions): Promise<Output> {
    return runScript(this.#channel, this.#place, script(command), options);
  }

  /** Standard output of what has to succeed. */
  async must(command: Command, options?: RunOptions): Promise<string> {
    const { code, stdout, stderr } = await this.exec(command, options);
    if (code !== 0) throw new Error(`${this.name}: ${script(command)} exited ${code}\n${stdout}${stderr}`);
    return stdout;
  }

  /** Waits, inside, until a script succeeds; what it said last is in the error when it never does. */
  async waitFor(condition: Command, seconds = 60): Promise<void> {
    const probe = `probe() { ${script(condition)}\n}`;
    const loop = `exec {nap}<> <(:)\nuntil said=$(probe 2>&1); do
      [ $SECONDS -lt ${seconds} ] || { echo "$said"; exit 1; }
      read -rt 0.2 -u $nap || :
    done`;
    const { code, stdout } = await this.exec(`${probe}\n${loop}`, { timeout: seconds + 30 });
    if (code !== 0) throw new Error(`${this.name}: not within ${seconds} s: ${script(condition)}\n${stdout}`);
  }

  /** Starts a daemon. What it writes goes to `/var/log/NAME.log` of the node. */
  async spawn(name: string, argv: readonly string[], env: Record<string, string> = {}): Promise<Daemon> {
    const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    const line = ['setsid', 'env', ...variables, ...argv].map(quoted).join(' ');
    const pid = await this.must(`${line} < /dev/null >> /var/log/${name}.log 2>&1 &\necho $!`);
    return new Daemon(this, name, Number(pid));
  }

  read(path: string): Promise<string> {
    return this.must(['cat', path]);
  }

  /** Writes files, with their folders; mode 0644 unless given. */
  async write(files: Readonly<Record<string, Text>>): Promise<void> {
    const id = randomUUID();
    const folder = join(this.#channel.folder, 'share/.run', id);
    mkdirSync(folder, { recursive: true });
    try {
      const lines = Object.entries(files).map(([path, file], at) => {
        const { text, mode } = typeof file === 'string' ? { text: file, mode: 0o644 } : file;
        writeFileSync(join(folder, String(at)), text);
        return `install -D -m ${mode.toString(8)} /share/.run/${id}/${at} ${quoted(path)}`;
      });
      await this.must(`set -e\n${lines.join('\n')}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}

/** A process that runs until it is stopped. */
export class Daemon {
  readonly pid: number;
  readonly #node: RigNode;
  readonly #name: string;

  constructor(node: RigNode, name: string, pid: number) {
    this.#node = node;
    this.#name = name;
    this.pid = pid;
  }

  log(): Promise<string> {
    return this.#node.read(`/var/log/${this.#name}.log`);
  }

  /** Waits until the log has this text. */
  said(text: string, seconds = 60): Promise<void> {
    return this.#node.waitFor(
      `grep -qF -- ${quoted(text)} /var/log/${this.#name}.log || { tail -n 20 /var/log/${this.#name}.log; false; }`,
      seconds,
    );
  }

  signal(name: 'TERM' | 'KILL' | 'STOP' | 'CONT' | 'HUP' | 'INT'): Promise<Output> {
    return this.#node.exec(`kill -${name} ${this.pid}`);
  }

  /** Ends it and waits until it is gone; by force after `seconds`. */
  async stop(seconds = 20): Promise<void> {
    const gone = `for n in $(seq ${seconds * 10}); do [ -d /proc/${this.pid} ] || exit 0; sleep 0.1; done`;
    await this.#node.exec(`kill -TERM ${this.pid}\n${gone}\nkill -KILL ${this.pid}`, {
      timeout: seconds + 30,
    });
  }
}

/** One word of a shell line. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function script(command: Command): string {
  return typeof command === 'string' ? command : command.map(quoted).join(' ');
}
