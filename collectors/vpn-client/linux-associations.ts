import { ip, ipsec, swanctl } from '../../src/base/commands.ts';
import type { Host, Output } from '../check.ts';
import { parseVici, sectionOf, sectionsOf, textOf, type Tree } from './linux-vici.ts';

/** An IPsec association with keys in the kernel: phase 2 is up, traffic is protected. */
export type Association = {
  /** The connection's name; null where only the kernel was asked. */
  name: string | null;
  peer: string | null;
  /** Whether it carries UDP 1701; null where that cannot be seen. */
  l2tp: boolean | null;
};

export type IpsecState = {
  /** The IKE daemon that is installed. */
  daemon: 'strongswan' | 'libreswan' | null;
  /** Null when nobody could be asked. */
  associations: Association[] | null;
};

/** From strongSwan by its socket or its old command, from Libreswan, else from the kernel. */
export async function readIpsec(host: Host): Promise<IpsecState> {
  const vici = await host.run(swanctl, ['--list-sas', '--raw']);
  const listed = parseListSas(vici.stdout);
  if (listed) return { daemon: 'strongswan', associations: listed };
  const status = await host.run(ipsec, ['statusall']);
  const shown = parseStatusAll(status.stdout);
  if (shown) return { daemon: 'strongswan', associations: shown };
  const traffic = await host.run(ipsec, ['trafficstatus']);
  return {
    daemon: daemonOf(vici, traffic),
    associations:
      (traffic.code === 0 ? parseTrafficStatus(traffic.stdout) : null) ??
      (await fromKernel(host)) ??
      (host.isRoot && isDown(vici) ? [] : null),
  };
}

/** Both are started by an `ipsec` of their own; only Libreswan's knows `trafficstatus` and speaks of Pluto. */
function daemonOf(vici: Output, traffic: Output): IpsecState['daemon'] {
  if (traffic.code === 0 || /pluto|whack/i.test(traffic.stdout + traffic.stderr)) return 'libreswan';
  return vici.failure === 'not-found' && traffic.failure === 'not-found' ? null : 'strongswan';
}

/** strongSwan's socket is not there, or nobody listens on it. */
function isDown({ failure, code, stdout, stderr }: Output): boolean {
  return (
    failure === null && code !== 0 && /No such file or directory|Connection refused/.test(stdout + stderr)
  );
}

/** Null when the text is not a complete answer: it ends in a reply. */
export function parseListSas(text: string): Association[] | null {
  if (!/^list-sas reply/m.test(text)) return null;
  const events = text.split('\n').filter((line) => line.startsWith('list-sa event '));
  return events.flatMap((line) =>
    sectionsOf(sectionOf(parseVici(line.slice('list-sa '.length)), 'event')).flatMap(installed),
  );
}

/** States in which the kernel holds keys: while they are renewed the old ones go on. */
const IKE_UP = /^(ESTABLISHED|REKEYING|REKEYED)$/;
const CHILD_UP = /^(INSTALLED|UPDATING|REKEYING|REKEYED)$/;

/** ESTABLISHED without a child is phase 1 alone: nothing is protected yet. */
function installed([name, ike]: [string, Tree]): Association[] {
  if (!IKE_UP.test(textOf(ike, 'state') ?? '')) return [];
  return sectionsOf(sectionOf(ike, 'child-sas'))
    .filter(([, child]) => CHILD_UP.test(textOf(child, 'state') ?? ''))
    .map(([, child]) => ({ name, peer: textOf(ike, 'remote-host'), l2tp: carriesL2tp(child) }));
}

function carriesL2tp(child: Tree): boolean {
  return isL2tpSelector(textOf(child, 'local-ts')) || isL2tpSelector(textOf(child, 'remote-ts'));
}

/** `203.0.113.1/32[udp/l2f]`: port 1701 by number or by its name in /etc/services, on one side at least. */
export function isL2tpSelector(selector: string | null): boolean {
  return /\[(?:udp|17)\/(?:1701|l2f|l2tp)\]/.test(selector ?? '');
}

const MAX_CHILDREN = 200;

/** `ipsec statusall` of strongSwan without its socket; its exit code tells of the starter, not of the daemon. */
export function parseStatusAll(text: string): Association[] | null {
  if (!/^Security Associations \(\d+ up/m.test(text)) return null;
  const children = [...text.matchAll(/^ *([^\s{]{1,200})\{(\d{1,9})\}: +INSTALLED, /gm)].slice(
    0,
    MAX_CHILDREN,
  );
  return children.map(([, name = '', number = '']) => {
    const selectors = new RegExp(`\\{${number}\\}: +(\\S+) === (\\S+)`).exec(text);
    const peer = /^([0-9a-f.:]+)\/\d+/i.exec(selectors?.[2] ?? '')?.[1] ?? null;
    return { name, peer, l2tp: selectors ? isL2tpSelector(selectors[0]) : null };
  });
}

/** One line a tunnel, none without any: `006 #6: "NAME", type=ESP, add_time=…`; an instance adds `[1] 203.0.113.1` to the name. */
export function parseTrafficStatus(text: string): Association[] {
  const lines = text.matchAll(/#\d+: "([^"]{1,200})"(?:\[\d+\] (\S+?))?, type=ESP/g);
  return [...lines].map(([, name = null, peer = null]) => ({ name, peer, l2tp: null }));
}

/** What iproute2 is asked about the kernel's own associations. */
export const ABOUT_KERNEL = ['xfrm', 'state', 'list', 'nokeys'];

/** The kernel's own table, without the keys that it would print as well. */
async function fromKernel(host: Host): Promise<Association[] | null> {
  const { code, stdout } = await host.run(ip, ABOUT_KERNEL);
  return code === 0 ? parseXfrmState(stdout) : null;
}

/** Two entries a tunnel, one each way: whichever end is the peer's is among them. */
export function parseXfrmState(text: string): Association[] {
  const entries = text.split(/^(?=src )/m).filter((entry) => /^[ \t]+proto esp /m.test(entry));
  return entries.flatMap((entry) => {
    const [, source = null, destination = null] = /^src (\S+) dst (\S+)/.exec(entry) ?? [];
    return [source, destination].map((peer) => ({ name: null, peer, l2tp: null }));
  });
}

/**
 * Whether one of them protects the way to a gateway: by the connection's name or the peer's address. A gateway known
 * by its name only is taken to be the peer of whatever carries L2TP.
 */
export function isProtected(
  associations: readonly Association[],
  names: readonly string[],
  gateway: string | null,
): boolean {
  return associations.some(({ name, peer, l2tp }) => {
    if (name !== null && names.includes(name)) return true;
    if (gateway !== null && IP_ADDRESS.test(gateway)) return peer === gateway;
    return l2tp !== false;
  });
}

const IP_ADDRESS = /^[\d.]+$|:/;
