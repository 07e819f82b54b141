// Hosts on one wire, each a network namespace: real xl2tpd, real charon, one that is closed, one that drops.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ip, nft } from '../../src/base/commands.ts';
import { inside, ipLines } from './namespaces.ts';

export const HERE = '198.51.100.1';
const HERE_6 = '2001:db8::1';

/** The IPv6 address of a host, besides the one that it was added with. */
export function ipv6Of(address: string): string {
  return `2001:db8::${address.split('.').at(-1)}`;
}

/** A daemon in a host. `said` is what it has written to standard error so far. */
export type Started = { said(): string };

export type Wire = {
  /** The namespace that looks at the others, with the bridge `wire`. */
  here: string;
  /** Adds a host with this address; answers with its namespace. */
  host(address: string): string;
  /** Starts a program in a host, with a /run of its own; ended by `remove`. */
  start(namespace: string, argv: readonly string[]): Started;
  remove(): void;
};

export function makeWire(prefix: string): Wire {
  const here = `${prefix}-here`;
  const made = [here];
  ipLines([
    `netns add ${here}`,
    `-n ${here} link set lo up`,
    `-n ${here} link add wire type bridge`,
    `-n ${here} addr add ${HERE}/24 dev wire`,
    `-n ${here} addr add ${HERE_6}/64 dev wire nodad`,
    `-n ${here} link set wire up`,
  ]);
  return {
    here,
    host(address) {
      const name = `${prefix}-${made.length}`;
      const end = `v${made.length}`;
      made.push(name);
      ipLines([
        `netns add ${name}`,
        `-n ${name} link set lo up`,
        `-n ${here} link add ${end} type veth peer name eth0 netns ${name}`,
        `-n ${here} link set ${end} master wire up`,
        `-n ${name} addr add ${address}/24 dev eth0`,
        `-n ${name} addr add ${ipv6Of(address)}/64 dev eth0 nodad`,
        `-n ${name} link set eth0 up`,
      ]);
      return name;
    },
    start(namespace, argv) {
      // Both daemons keep sockets and process numbers in /run: each gets one that ends with it.
      const script = 'mount -t tmpfs run /run && mkdir /run/xl2tpd && exec "$@"';
      const command = ['/usr/bin/unshare', '-m', '/bin/sh', '-c', script, 'sh', ...argv];
      const child = spawn(ip.path, ['netns', 'exec', namespace, ...command], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => void (said += text));
      return { said: () => said };
    },
    remove() {
      // By namespace: charon leaves the group in which it was started.
      for (const name of made) for (const pid of pidsIn(name)) end(pid);
      for (const name of made) ipLines([`netns del ${name}`]);
    },
  };
}

function pidsIn(namespace: string): number[] {
  const { stdout } = spawnSync(ip.path, ['netns', 'pids', namespace], { encoding: 'utf8' });
  return stdout.split('\n').filter(Boolean).map(Number);
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

const XL2TPD = `[global]
port = 1701
[lns default]
ip range = 10.9.0.2-10.9.0.9
local ip = 10.9.0.1
`;

const IPSEC = `config setup
conn l2tp
  keyexchange=ikev1
  ike=aes256-sha256-modp2048,aes256-sha1-modp2048!
  type=transport
  left=%any
  leftprotoport=17/1701
  right=%any
  rightprotoport=17/%any
  authby=secret
  auto=add
`;

/** An L2TP server without IPsec. `config` replaces the usual one with an `[lns]`. */
export function startXl2tpd(wire: Wire, namespace: string, folder: string, config = XL2TPD): Started {
  const file = fileIn(folder, `${namespace}.conf`, config);
  return wire.start(namespace, [
    '/usr/sbin/xl2tpd',
    '-D',
    '-c',
    file,
    '-p',
    '/run/x.pid',
    '-C',
    '/run/xl2tpd/c',
  ]);
}

/** IKE for L2TP, and no L2TP. */
export function startCharon(wire: Wire, namespace: string, folder: string): Started {
  const file = fileIn(folder, `${namespace}.ipsec.conf`, IPSEC);
  return wire.start(namespace, ['/usr/lib/ipsec/starter', '--nofork', '--conf', file, '--daemon', 'charon']);
}

/** Drops whatever comes by IP. */
export function dropAll(namespace: string): void {
  const rules = 'table inet quiet { chain input { type filter hook input priority 0; policy drop; }; }';
  inside(namespace, [nft.path, '-f', '-'], rules);
}

/** Waits until somebody is bound to a UDP port in a namespace; throws after a minute. */
export async function untilBound(namespace: string, port: number): Promise<void> {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  for (let tries = 0; tries < 600; tries += 1) {
    if (inside(namespace, ['/usr/bin/cat', '/proc/net/udp']).includes(hex)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nobody came to listen on UDP ${port} in ${namespace}`);
}

function fileIn(folder: string, name: string, text: string): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}
