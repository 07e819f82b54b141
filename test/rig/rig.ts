import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from './client.ts';
import type { Channel } from './guest.ts';
import { RigNode } from './node.ts';
import { holder, Owner } from './owner.ts';

/** Set for processes that are to use the guest of another one. */
export const RIG_FOLDER = 'DRAWBRIDGE_RIG_FOLDER';

/** `ipsec`: which implementation the node finds installed. `init`: what runs as its first process. */
export type NodeOptions = { ipsec?: 'strongswan' | 'libreswan' | 'none'; init?: 'idle' | 'systemd' };

/** Every node with what it is unless a test asks for something else. */
const nodes = {
  gw: { ipsec: 'strongswan', init: 'idle' },
  lt: { ipsec: 'strongswan', init: 'idle' },
  lt2: { ipsec: 'strongswan', init: 'idle' },
  nat: { ipsec: 'none', init: 'idle' },
  srv: { ipsec: 'none', init: 'idle' },
  corp: { ipsec: 'none', init: 'idle' },
} as const satisfies Record<string, Required<NodeOptions>>;

export type NodeName = keyof typeof nodes;
export const nodeNames = Object.keys(nodes) as NodeName[];

/** The addresses of the topology; see docs/rig.md for a drawing. */
export const addresses = {
  gateway: '203.0.113.1',
  gatewayBehindNat: '198.51.100.1',
  gatewayInside: '10.99.0.1',
  laptop: '203.0.113.10',
  laptop2: '203.0.113.11',
  server: '203.0.113.20',
  corp: '10.99.0.10',
} as const;

/** A gateway, two laptops, a NAT, the posture server's machine and one inside the company, in one virtual machine. */
export class Rig {
  /** Its folder `share` is what every node sees as `/share`. */
  readonly folder: string;
  /** The machine that holds the nodes: its bridges `internet`, `isp`, `home`, `corp` are the wires. */
  readonly guest: RigNode;
  readonly #channel: Channel & { restart?(): Promise<void> };
  readonly #end: () => Promise<void>;
  readonly #nodes = new Map<NodeName, RigNode>();

  constructor(channel: Channel & { restart?(): Promise<void> }, end: () => Promise<void>) {
    this.folder = channel.folder;
    this.#channel = channel;
    this.#end = end;
    this.guest = new RigNode(channel, 'guest', '-');
  }

  node(name: NodeName): RigNode {
    const node = this.#nodes.get(name) ?? new RigNode(this.#channel, name);
    this.#nodes.set(name, node);
    return node;
  }

  /** The whole topology anew: every process of every node is gone, every file as it was. Seconds. */
  async reset(options: Partial<Record<NodeName, NodeOptions>> = {}): Promise<void> {
    const specs = nodeNames.map((name) => {
      const { ipsec, init } = { ...nodes[name], ...options[name] };
      return `${name}:${ipsec}:${init}`;
    });
    await this.guest.must(['bash', '/checkout/test/rig/guest/topology', ...specs], { timeout: 180 });
  }

  /** Pulls the plug and switches on again; only `/dev/data` of the guest keeps what was flushed to it. No nodes. */
  async crash(): Promise<void> {
    await this.#channel.restart?.();
  }

  /** Copies every node's `/var/log` to a folder of this machine. */
  async keepLogs(folder: string): Promise<void> {
    await this.guest.exec(
      `rm -rf /share/logs; for at in /run/nodes/*; do
        mkdir -p "/share/logs/\${at##*/}"; cp -r "$at/log/." "/share/logs/\${at##*/}/"
        nsenter -t "$(cat "$at/pid")" -n -m -p -- sh -c 'ip -br addr; ip route; ip xfrm state | grep -v "0x"; ps ax; nft list ruleset' > "/share/logs/\${at##*/}/state.txt" 2>&1
      done; dmesg > /share/logs/dmesg.txt`,
    );
    mkdirSync(folder, { recursive: true });
    const logs = join(this.#channel.folder, 'share/logs');
    cpSync(logs, folder, { recursive: true });
    rmSync(logs, { recursive: true });
  }

  /** Ends the guest, or leaves it alone where another process holds it. */
  stop(): Promise<void> {
    return this.#end();
  }
}

/** The rig of this test run where there is one, else one of this process. Its topology stands after `reset()`. */
export async function startRig(): Promise<Rig> {
  const folder = process.env[RIG_FOLDER];
  if (folder !== undefined) return attach(folder);
  const owner = new Owner();
  try {
    await owner.start();
  } catch (error) {
    await owner.stop();
    throw error;
  }
  return new Rig(Object.assign(owner.guest, { restart: () => owner.restart() }), () => owner.stop());
}

/** Uses the rig that another process of this checkout runs; null when there is none. */
export function runningRig(): Promise<Rig> | null {
  const found = holder();
  return found === null ? null : attach(found.folder);
}

async function attach(folder: string): Promise<Rig> {
  const client = await Client.connect(folder);
  return new Rig(client, () => Promise.resolve(client.close()));
}
