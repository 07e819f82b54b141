import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { waitFor } from './wait-for.ts';
import { withoutExport } from './pe-exports.ts';

export const WINE = '/usr/lib/wine/wine64';
const SERVER = '/usr/lib/wine/wineserver64';
const KERNELBASE = '/usr/lib/x86_64-linux-gnu/wine/x86_64-windows/kernelbase.dll';

/** Why Wine cannot run our executables here, as a sentence; null where it can. */
export function whyNoWine(): string | null {
  const missing = [WINE, SERVER, KERNELBASE].find((file) => !existsSync(file));
  if (missing !== undefined) return `${missing} is not installed (Debian: wine64)`;
  const probe = spawnSync('/usr/bin/unshare', ['-m', '/bin/true'], { stdio: 'ignore' });
  return probe.status === 0 ? null : 'this user may not make mount namespaces';
}

/**
 * No Mono, no browser engine, no menus of installed programs: Wine is ready sooner. The folder in which a prefix lies
 * has its server's socket, too, so that it goes with it.
 */
export function wineEnv(prefix: string): Record<string, string> {
  return {
    TMPDIR: dirname(prefix),
    WINEDLLOVERRIDES: 'mscoree=;mshtml=;winemenubuilder.exe=',
    WINEDEBUG: '-all',
    WINEPREFIX: prefix,
  };
}

/** Ends every process of a prefix, and of no other. */
export function endWine(prefix: string, env: Record<string, string> = {}): void {
  spawnSync(SERVER, ['-k'], { env: { ...env, ...wineEnv(prefix) } });
}

const READY_SECONDS = 120;

/** What Wine's `start` says where it could not start a program that has no path: once in some 400 times when busy. */
const NOT_STARTED = 'ShellExecuteEx failed';

/**
 * What the server of Wine 8 says when it crashes. It sometimes wakes up who waits for something that it has freed
 * already, as a program ends that still waited: 7 in some 220 runs of an agent that enrols, on a busy machine.
 */
export const WINE_CRASHED = 'wineserver crashed';

export type Ran = { code: number | null; stdout: string; stderr: string };
export type RunOptions = { env?: Record<string, string>; timeoutMs?: number };

/**
 * A Windows 10 of a test's own, as far as Wine is one: nothing on its disk, no service but Wine's own. What a program
 * finds there lies in `drive`; a path of this machine is `Z:\…` there. `close` ends all that runs in it.
 *
 * Nothing can be learned from a Wine whose server has crashed: what ran hangs, and the next server knows nothing of
 * what was set. `run` throws from then on; `npm test` runs the file again (test/run.ts).
 *
 * Wine 8 names VirtualAlloc2 and does not have it: V8 asks for it and gives up. Where the name is missing V8 does
 * without, so that programs here see a copy of kernelbase.dll without the name, in a mount namespace of their own.
 */
export class Wine {
  readonly folder: string;
  /** Drive C: of it. */
  readonly drive: string;
  #holder: ChildProcess | null = null;
  #runs = 0;

  private constructor(folder: string) {
    this.folder = folder;
    this.drive = join(folder, 'prefix/drive_c');
  }

  /** Takes about seven seconds. */
  static async open(): Promise<Wine> {
    const wine = new Wine(mkdtempSync(join(tmpdir(), 'drawbridge-wine-')));
    mkdirSync(join(wine.folder, 'home'));
    writeFileSync(
      join(wine.folder, 'kernelbase.dll'),
      withoutExport(readFileSync(KERNELBASE), 'VirtualAlloc2'),
    );
    try {
      await wine.#hold();
      await wine.#becomeWindows10();
    } catch (error) {
      await wine.close();
      throw error;
    }
    return wine;
  }

  /**
   * Whatever comes first makes the prefix; `wineboot` itself would leave two service managers that do not know of each
   * other. Services end with the last other program of a prefix: this one waits until `close` or our end.
   */
  async #hold(): Promise<void> {
    const place = this.#saidByHolder();
    const said = openSync(place, 'w');
    this.#holder = this.#spawn(['cmd'], 'pipe', [said, said]);
    closeSync(said);
    this.#holder.stdin?.write('echo ready\r\n');
    const isReady = () => this.#mustStand('its start') && readFileSync(place, 'utf8').includes('>ready');
    await waitFor('Wine', isReady, READY_SECONDS);
  }

  /** Wine 8 is a Windows 7 at first, on which Node does not start. */
  async #becomeWindows10(): Promise<void> {
    await this.#must('winecfg', '-v', 'win10');
    const { stdout } = await this.run('cmd', ['/c', 'ver']);
    if (!stdout.includes('Windows 10.')) throw new Error(`Wine does not become a Windows 10: ${stdout}`);
  }

  /** A path of this machine as programs inside name it. */
  inside(path: string): string {
    return `Z:${path.replaceAll('/', '\\')}`;
  }

  /** Starts a program that goes on; `close` ends it at the latest. What it says goes to files of that name. */
  start(
    name: string,
    program: string,
    argv: readonly string[],
    env: Record<string, string> = {},
  ): ChildProcess {
    const out = this.#outputOf(name);
    const files = [openSync(out.stdout, 'w'), openSync(out.stderr, 'w')] as const;
    const child = this.#spawn([program, ...argv], 'ignore', files, env);
    for (const file of files) closeSync(file);
    return child;
  }

  /** What a program has said so far. */
  said(name: string): { stdout: string; stderr: string } {
    const { stdout, stderr } = this.#outputOf(name);
    return { stdout: readFileSync(stdout, 'utf8'), stderr: readFileSync(stderr, 'utf8') };
  }

  /** Runs a program to its end. Throws where Wine's server has crashed. */
  async run(program: string, argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const ran = await this.#runOnce(program, argv, options);
    return ran.stdout.includes(NOT_STARTED) ? this.#runOnce(program, argv, options) : ran;
  }

  async #runOnce(program: string, argv: readonly string[], options: RunOptions): Promise<Ran> {
    const name = `run-${(this.#runs += 1)}`;
    const child = this.start(name, program, argv, options.env);
    const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000);
    const look = setInterval(() => this.#crash() && child.kill('SIGKILL'), 500);
    const code = await new Promise<number | null>((resolve) => {
      child.once('error', () => resolve(null));
      child.once('exit', resolve);
    });
    clearTimeout(timer);
    clearInterval(look);
    this.#mustStand([program, ...argv].join(' '));
    return { code, ...this.said(name) };
  }

  #mustStand(what: string): true {
    const crash = this.#crash();
    if (crash !== null) throw new Error(`${crash} (before or during ${what})`);
    return true;
  }

  /** What the server said of its crash. It writes where the program does that made it start: our holder. */
  #crash(): string | null {
    const lines = readFileSync(this.#saidByHolder(), 'utf8').split('\n');
    return lines.find((line) => line.includes(WINE_CRASHED)) ?? null;
  }

  async close(): Promise<void> {
    this.#holder?.stdin?.end();
    endWine(join(this.folder, 'prefix'));
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #must(...argv: [string, ...string[]]): Promise<void> {
    const { code, stderr } = await this.run(argv[0], argv.slice(1), { timeoutMs: 120_000 });
    if (code !== 0) throw new Error(`${argv.join(' ')} under Wine ended with ${code}: ${stderr}`);
  }

  #saidByHolder(): string {
    return join(this.folder, 'holder');
  }

  /** Node there cannot write to a pipe from here, hence files. */
  #outputOf(name: string) {
    return { stdout: join(this.folder, `${name}.out`), stderr: join(this.folder, `${name}.err`) };
  }

  #spawn(
    argv: readonly string[],
    stdin: 'pipe' | 'ignore',
    [stdout, stderr]: readonly [number, number],
    env: Record<string, string> = {},
  ): ChildProcess {
    const mine = join(this.folder, 'kernelbase.dll');
    const script = `mount --bind "$0" "$1" && shift && exec "$@"`;
    return spawn(
      '/usr/bin/unshare',
      ['-m', '--propagation', 'private', '/bin/sh', '-c', script, mine, KERNELBASE, WINE, ...argv],
      {
        stdio: [stdin, stdout, stderr],
        env: {
          PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
          HOME: join(this.folder, 'home'),
          ...wineEnv(join(this.folder, 'prefix')),
          ...env,
        },
      },
    );
  }
}
