// The real server as a process of its own, on a folder of its own.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Target } from '../server/test-agent.ts';

const cli = join(import.meta.dirname, '../../src/cli/drawbridge-server.ts');

export type ServerFolder = {
  path: string;
  database: string;
  /** An enrolment token for one device. */
  token(): string;
  /** What the server knows of a device, by its own command. */
  device(id: string): { readings: Record<string, unknown> };
  remove(): void;
};

/** Makes a data folder with `init`, listening on `port`, and with limits that a load on loopback needs. */
export function serverFolder(port: number): ServerFolder {
  const path = mkdtempSync(join(tmpdir(), 'drawbridge-server-'));
  command(['init', '--data', path, '--port', String(port)]);
  appendFileSync(
    join(path, 'server.yaml'),
    'limits: { pendingPerAddress: 1000, enrolmentsPerMinute: 10000 }\n',
  );
  return {
    path,
    database: join(path, 'drawbridge.db'),
    token: () => String(JSON.parse(command(['token', 'create', '--data', path, '--json'])).token),
    device: (id) => JSON.parse(command(['device', id, '--data', path, '--json'])),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

function command(argv: string[]): string {
  const done = spawnSync(process.execPath, [cli, ...argv], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return done.stdout;
}

export type ServerProcess = {
  target: Target;
  /** Where certificates are given, and what is revoked; null where the server gives none. */
  est: string | null;
  crl: string | null;
  child: ChildProcess;
  kill(signal: NodeJS.Signals): Promise<void>;
};

/** Starts the server, if asked below another program (such as strace), and waits until it listens. */
export async function startServerProcess(folder: string, below: string[] = []): Promise<ServerProcess> {
  const argv = [...below, process.execPath, cli, 'start', '--data', folder, '--json'];
  const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const { url, est = null, crl = null } = await ready(child);
  return {
    child,
    est,
    crl,
    target: { url, ca: readFileSync(join(folder, 'tls-ca.pem'), 'utf8') },
    async kill(signal) {
      if (child.exitCode === null && child.signalCode === null && child.pid) process.kill(-child.pid, signal);
      await ended;
    },
  };
}

type Ready = { url: string; est?: string | null; crl?: string | null };

async function ready(child: ChildProcess): Promise<Ready> {
  if (!child.stdout) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line) as Partial<Ready> & { event?: string };
    if (message.event === 'ready' && message.url) return { ...message, url: message.url };
  }
  throw new Error('the server ended before it was ready');
}
