import { isIP } from 'node:net';
import type { Host } from '../../../collectors/check.ts';
import { canonicalAddress, sortedReach, type IsolationWant, type Reachable } from './isolation.ts';

export type ReachQuestion = {
  /** Where the agent itself connects to: the posture server, or the proxy in front of it. */
  connectsTo: readonly URL[];
  /** Hosts that the policy names, by name or address: reached with everything, in both directions. */
  named: readonly string[];
  /** Name servers as the system is set up (`resolversOf`). */
  resolvers: readonly string[];
  /** All addresses of a name; rejects when it has none. */
  lookup(name: string): Promise<readonly string[]>;
};

export type ReachAnswer = {
  want: IsolationWant;
  /** Names that have no address now. Their hosts stay cut off until this is asked again. */
  unresolved: string[];
};

/** DNS, and DNS over TLS, where the resolver is set up for it. */
const DNS = [
  { protocol: 'udp', port: 53 },
  { protocol: 'tcp', port: 53 },
  { protocol: 'tcp', port: 853 },
] as const;

/** Turns names into addresses: only those can be let through, and only for as long as they are right. */
export async function reachFor(question: ReachQuestion): Promise<ReachAnswer> {
  const { connectsTo, named, resolvers } = question;
  const servers = connectsTo.map((url) => ({ name: hostOf(url), port: portOf(url) }));
  const names = [...new Set([...servers.map(({ name }) => name), ...named])];
  const found = new Map(await Promise.all(names.map((name) => addressesOf(name, question))));
  const reach: Reachable[] = [
    ...servers.flatMap(({ name, port }) =>
      (found.get(name) ?? []).map((address) => ({ address, protocol: 'tcp' as const, port })),
    ),
    ...named.flatMap((name) =>
      (found.get(name) ?? []).map((address) => ({ address, protocol: 'any' as const })),
    ),
  ];
  // Without a name to look up, nobody has to be asked.
  const dns = names.some((name) => isIP(name) === 0) ? resolvers.flatMap(dnsAt) : [];
  return {
    want: { reach: sortedReach([...reach, ...dns]) },
    unresolved: names.filter((name) => found.get(name)?.length === 0),
  };
}

/** Enough for every content network; more would be somebody's answer made to fill our rules. */
const MAX_ADDRESSES = 16;

async function addressesOf(name: string, { lookup }: ReachQuestion): Promise<[string, string[]]> {
  if (isIP(name) !== 0) return [name, [canonicalAddress(name)]];
  const answers = await lookup(name).catch(() => []);
  return [name, answers.filter(isPlain).slice(0, MAX_ADDRESSES).map(canonicalAddress)];
}

function dnsAt(resolver: string): Reachable[] {
  return isPlain(resolver) ? DNS.map((service) => ({ address: canonicalAddress(resolver), ...service })) : [];
}

/** An address without a zone, and not one's own: loopback is reached anyway. */
function isPlain(address: string): boolean {
  return isIP(address) !== 0 && !address.includes('%') && !isLoopback(address);
}

function isLoopback(address: string): boolean {
  const canonical = canonicalAddress(address);
  return canonical.startsWith('127.') || canonical === '::1';
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'http:' ? 80 : 443) : Number(port);
}

/** Where a local forwarder on Linux writes down whom it asks itself. */
const UPSTREAMS = ['/run/systemd/resolve/resolv.conf', '/run/NetworkManager/no-stub-resolv.conf'];

/**
 * Addresses of the name servers that are asked in the end. `servers` is what Node's `dns.getServers()` says: an
 * address each, some with a port or a zone. Where one of them is on this computer, those behind it count as well.
 */
export async function resolversOf(
  servers: readonly string[],
  host: Pick<Host, 'readText'>,
): Promise<string[]> {
  const direct = servers.map(bare).filter((one) => isIP(one) !== 0);
  if (!direct.some(isLoopback)) return [...new Set(direct.filter(isPlain))];
  const files = await Promise.all(UPSTREAMS.map((path) => host.readText(path)));
  const behind = files.flatMap((file) => (file.ok ? nameserversIn(file.value) : []));
  return [...new Set([...direct, ...behind].filter(isPlain))];
}

function bare(server: string): string {
  const [, bracketed] = /^\[([^\]]+)\](?::\d+)?$/.exec(server) ?? [];
  const [, v4] = /^([\d.]+):\d+$/.exec(server) ?? [];
  return (bracketed ?? v4 ?? server).replace(/%.*$/, '');
}

const MAX_RESOLVERS = 16;

export function nameserversIn(resolvConf: string): string[] {
  return [...resolvConf.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)]
    .slice(0, MAX_RESOLVERS)
    .map(([, server = '']) => bare(server))
    .filter((one) => isIP(one) !== 0);
}
