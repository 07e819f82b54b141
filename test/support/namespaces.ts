import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Host } from '../../collectors/check.ts';
import { ip, nft } from '../../src/base/commands.ts';
import { run } from '../../src/base/exec.ts';
import { isRoot } from '../needs.ts';
import type { PeerOrder } from './net-peer.ts';

/** Whether this machine lets us make network namespaces and load rules in them. */
export function canIsolate(): boolean {
  if (!isRoot || !existsSync(nft.path) || !existsSync(ip.path)) return false;
  const probe = ['-n', nft.path, 'add', 'table', 'inet', 'probe'];
  return spawnSync('/usr/bin/unshare', probe, { stdio: 'ignore' }).status === 0;
}

/** Runs `ip` once for each line; throws with what it said. */
export function ipLines(lines: readonly string[]): void {
  for (const line of lines) {
    const done = spawnSync(ip.path, line.split(' '), { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`ip ${line}: ${done.stderr}`);
  }
}

export function inside(namespace: string, argv: readonly string[], input = ''): string {
  const done = spawnSync(ip.path, ['netns', 'exec', namespace, ...argv], { input, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${argv.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

/** A host whose programs run inside a namespace: the same programs, the same way of starting them. */
export function hostInside(namespace: string): Pick<Host, 'run'> {
  return {
    run: (command, argv, options) =>
      run(ip, ['netns', 'exec', namespace, command.path, ...argv], options ?? {}),
  };
}

export type Peer = { ask(order: PeerOrder): Promise<boolean>; stop(): void };

/** A process inside a namespace that listens, connects and echoes as it is told. */
export function startPeer(namespace: string): Peer {
  const script = join(import.meta.dirname, 'net-peer.ts');
  const child = spawn(ip.path, ['netns', 'exec', namespace, process.execPath, script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const waiting = new Map<number, (worked: boolean) => void>();
  let last = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { id, worked } = JSON.parse(line) as { id: number; worked: boolean };
    waiting.get(id)?.(worked);
  });
  child.once('exit', () => waiting.forEach((answer) => answer(false)));
  return {
    ask: (order) =>
      new Promise((resolve) => {
        const id = (last += 1);
        waiting.set(id, resolve);
        child.stdin.write(`${JSON.stringify({ id, order })}\n`);
      }),
    stop: () => void child.kill('SIGKILL'),
  };
}
