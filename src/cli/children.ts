import { createWriteStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { parseJson } from '../base/json.ts';
import { spawnOurs, type ChildProcess } from '../base/exec.ts';

const READY_MS = 30_000;
const STOP_MS = 10_000;
const PREFERRED_PORT = 8443;

const readyLine = z.object({ event: z.literal('ready'), url: z.string() });
const tokenAnswer = z.object({ token: z.string() });
const enrolAnswer = z.object({ device: z.string(), status: z.string() });
const enrolment = z.object({ device: z.string(), status: z.literal('enrolled') });

/** Server and agent of `npm start` as processes of their own. Has to be stopped. */
export class Children {
  readonly #sources: string;
  readonly #folder: string;
  #running: { name: string; child: ChildProcess }[] = [];
  #onEnd: (problem: Error) => void = () => {};
  /** Rejects when one of them ends by itself. */
  readonly ended: Promise<never>;

  /** `folder` is where their state and logs lie. */
  constructor(root: string, folder: string) {
    this.#sources = join(root, 'src/cli');
    this.#folder = folder;
    this.ended = new Promise((_, reject) => {
      this.#onEnd = reject;
    });
    this.ended.catch(() => {});
  }

  get serverFolder(): string {
    return join(this.#folder, 'server');
  }

  get agentFolder(): string {
    return join(this.#folder, 'agent');
  }

  /** Makes the server's folder at the first time, starts it, and answers with its address. */
  async startServer(): Promise<string> {
    if (!existsSync(join(this.serverFolder, 'server.yaml'))) {
      const port = String(await freePort(PREFERRED_PORT));
      await this.#ask('drawbridge-server.ts', ['init', '--data', this.serverFolder, '--port', port]);
    }
    const child = this.#start('server', 'drawbridge-server.ts', [
      'start',
      '--data',
      this.serverFolder,
      '--json',
    ]);
    return await ready(child, () => this.#lastWords('server'));
  }

  /** Enrols the agent at the first time; answers with the device's id. */
  async enrolAgent(url: string): Promise<string> {
    mkdirSync(this.agentFolder, { recursive: true, mode: 0o700 });
    const known = this.#enrolled();
    if (known !== null) return known;
    const made = await this.#ask('drawbridge-server.ts', [
      'token',
      'create',
      '--data',
      this.serverFolder,
      '--json',
    ]);
    const { token } = tokenAnswer.parse(JSON.parse(made));
    const enrol = ['enroll', '--server', url, '--token-stdin', '--state', this.agentFolder, '--json'];
    return enrolAnswer.parse(JSON.parse(await this.#ask('drawbridge.ts', enrol, token))).device;
  }

  /** It shows this computer, and leaves its VPN alone. */
  startAgent(): void {
    this.#start('agent', 'drawbridge.ts', ['agent', '--observe', '--state', this.agentFolder]);
  }

  /** Ends the agent, then the server; one that does not end in time is killed. */
  async stop(): Promise<void> {
    for (const { child } of this.#running.toReversed()) await end(child);
    this.#running = [];
  }

  #enrolled(): string | null {
    try {
      const file = readFileSync(join(this.agentFolder, 'enrolment.json'), 'utf8');
      return enrolment.parse(JSON.parse(file)).device;
    } catch {
      return null;
    }
  }

  #start(name: string, script: string, argv: string[]): ChildProcess {
    const child = spawnOurs(join(this.#sources, script), argv, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    child.stderr?.pipe(createWriteStream(this.#logFile(name), { flags: 'w', mode: 0o600 }));
    const entry = { name, child };
    this.#running.push(entry);
    child.once('exit', (code) => {
      if (this.#running.includes(entry))
        this.#onEnd(new Error(`The ${name} ended (${code}). ${this.#lastWords(name)}`));
    });
    return child;
  }

  #logFile(name: string): string {
    return join(this.#folder, `${name}.log`);
  }

  #lastWords(name: string): string {
    try {
      const lines = readFileSync(this.#logFile(name), 'utf8').trim().split('\n');
      return `${lines.at(-1) ?? ''}\nThe whole log: ${this.#logFile(name)}`;
    } catch {
      return '';
    }
  }

  /** Runs one of our commands to its end; answers with its standard output, or throws with its standard error. */
  async #ask(script: string, argv: string[], input = ''): Promise<string> {
    const child = spawnOurs(join(this.#sources, script), argv, { stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin?.end(input);
    const [out, problems, code] = await Promise.all([text(child.stdout), text(child.stderr), exited(child)]);
    if (code !== 0) throw new Error(problems.trim() || `${script} ${argv[0]} ended with ${code}`);
    return out;
  }
}

async function text(stream: NodeJS.ReadableStream | null): Promise<string> {
  let all = '';
  for await (const chunk of stream ?? []) all += String(chunk);
  return all;
}

function exited(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('exit', resolve));
}

async function ready(child: ChildProcess, lastWords: () => string): Promise<string> {
  if (!child.stdout) throw new Error('the server has no output');
  const lines = createInterface({ input: child.stdout });
  const timer = setTimeout(() => lines.close(), READY_MS);
  try {
    for await (const line of lines) {
      const parsed = readyLine.safeParse(parseJson(line));
      if (parsed.success) return parsed.data.url;
    }
    throw new Error(`The server did not start. ${lastWords()}`);
  } finally {
    clearTimeout(timer);
    child.stdout.resume();
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const done = exited(child);
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await done;
  clearTimeout(timer);
}

/** `wanted` if nobody listens there, any free port otherwise. */
function freePort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', () =>
      wanted === 0 ? reject(new Error('there is no free port')) : resolve(freePort(0)),
    );
    probe.listen(wanted, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : wanted;
      probe.close(() => resolve(port));
    });
  });
}
