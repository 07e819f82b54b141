// What is no L2TP server: a client with a live session, and what only the client's package has installed.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { ip } from '../../src/base/commands.ts';
import { CLI, LNS, NODE, OUTSIDE, useL2tpMachine } from '../support/l2tp-machine.ts';

describe('a client is never called a server', () => {
  const { machine, sh, stateFrom } = useL2tpMachine('l2tp-client.test.ts', true);
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-client-'));
  let peer: ChildProcess | null = null;
  let peerSaid = '';

  afterAll(() => {
    peer?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  const fact = () => {
    const { out } = machine().run(NODE, CLI, 'l2tp-server', 'status', '--state', '/run/state', '--json');
    return (JSON.parse(out) as { fact: object }).fact;
  };

  test('with Debian’s network-manager-l2tp and nothing else', () => {
    for (const [name, content] of packages(folder)) machine().put(`/run/${name}`, content);
    // A root in a namespace has no use for what its maintainer's scripts cannot do there; the files are what counts.
    machine().run('/bin/sh', '-c', 'DEBIAN_FRONTEND=noninteractive dpkg --install /run/*.deb');
    sh('systemctl restart xl2tpd');
    expect(sh("dpkg-query -W -f='${Status}' network-manager-l2tp")).toBe('install ok installed');
    expect(fact()).toMatchObject({
      verdict: 'client-only',
      listening: [{ address: '0.0.0.0', owner: { process: 'xl2tpd', package: 'xl2tpd' } }],
      services: [
        { name: 'xl2tpd.service', state: 'running', start: 'auto', role: 'client', package: 'xl2tpd' },
      ],
    });
    // A door all the same: it answers, and declines.
    expect(stateFrom()).toBe('exposed');
  }, 200_000);

  test('with a tunnel and a call to a server that are up', async () => {
    startPeer();
    machine().configure(`[lac office]\nlns = ${OUTSIDE}\nautodial = yes\nredial = yes\nredial timeout = 1\n`);
    const until = performance.now() + 60_000;
    while (!/Call established/.test(peerSaid) && performance.now() < until) await sleep(200);
    expect(peerSaid).toMatch(/Call established/);
    expect(fact()).toMatchObject({
      verdict: 'client-only',
      listening: [{ owner: { process: 'xl2tpd' } }],
    });
  });

  /** A real server for it, outside. */
  function startPeer(): void {
    const file = join(folder, 'peer.conf');
    writeFileSync(file, LNS);
    const script =
      'mount -t tmpfs run /run && mkdir /run/xl2tpd && exec /usr/sbin/xl2tpd -D -c "$1" -p /run/p -C /run/c';
    const command = ['/usr/bin/unshare', '-m', '/bin/sh', '-c', script, 'sh', file];
    peer = spawn(ip.path, ['netns', 'exec', machine().outside, ...command], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    peer.stderr?.setEncoding('utf8').on('data', (text: string) => void (peerSaid += text));
  }
});

/** Debian's own packages of the plugin and what it needs here, without installing them on this machine. */
function packages(folder: string): [string, Buffer][] {
  const apt = (...argv: string[]) => {
    const done = spawnSync('/usr/bin/apt-get', argv, { cwd: folder, encoding: 'utf8', timeout: 150_000 });
    if (done.status !== 0) throw new Error(`apt-get ${argv[0] ?? ''}: ${done.stderr}`);
    return done.stdout;
  };
  // Images are often shipped without lists.
  if (apt('indextargets').trim() === '') apt('update', '-qq');
  const planned = apt('install', '--simulate', '--no-install-recommends', 'network-manager-l2tp');
  const names = [...planned.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name ?? '');
  apt('download', '-qq', ...names);
  const files = readdirSync(folder).filter((file) => file.endsWith('.deb'));
  return files.map((file) => [file, readFileSync(join(folder, file))]);
}
