// A network namespace of the test's own: its packets reach nobody.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';

export const canMakeNamespaces =
  process.getuid?.() === 0 && spawnSync('/usr/bin/unshare', ['-n', '/bin/true']).status === 0;

export type Namespace = {
  pid: number;
  /** The argv that runs a program in it. */
  inside(...argv: string[]): string[];
  /** Runs a program in it to its end; throws where it fails. Answers with its standard output. */
  run(...argv: string[]): string;
  spawn(argv: string[], env?: Record<string, string>): ChildProcess;
  remove(): void;
};

/** With loopback up. Has to be removed, after what runs in it has ended. */
export async function makeNamespace(): Promise<Namespace> {
  const holder = spawn(
    '/usr/bin/unshare',
    ['-n', '/bin/sh', '-c', 'ip link set lo up && echo ready && exec sleep 3600'],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const pid = holder.pid ?? 0;
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once('data', () => resolve());
    holder.once('exit', () => reject(new Error('no network namespace could be made')));
  });
  const inside = (...argv: string[]) => ['/usr/bin/nsenter', '-t', String(pid), '-n', '--', ...argv];
  const start = ([file = '', ...argv]: string[], env: Record<string, string> = {}) =>
    spawn(file, argv, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  return {
    pid,
    inside,
    run(...argv) {
      const [file = '', ...rest] = inside(...argv);
      const done = spawnSync(file, rest, { encoding: 'utf8', timeout: 20_000 });
      if (done.status !== 0) throw new Error(`${argv.join(' ')}: ${done.stderr}`);
      return done.stdout;
    },
    spawn: (argv, env) => start(inside(...argv), env),
    remove: () => void holder.kill('SIGKILL'),
  };
}
