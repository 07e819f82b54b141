import { isIP } from 'node:net';
import type { Host } from '../../../collectors/check.ts';
import { readConnections, type Connections } from '../../../collectors/vpn-client/linux-connections.ts';
import { read } from '../../../collectors/vpn-client/linux.ts';
import type { SeenProfile } from './driver.ts';
import { addressesOf } from './linux-gateways.ts';
import type { Tunnel } from './linux-ike.ts';
import type { Session } from './linux-sessions.ts';

/** Which profiles a block is for, and by what everything that belongs to them is recognised. */
export type Scope = {
  all: boolean;
  profiles: readonly SeenProfile[];
  /** Profiles that stay as they are. */
  others: readonly SeenProfile[];
  /** Wanted names that no profile bears. */
  missing: readonly string[];
  /** Gateways of the profiles, as written there. */
  gateways: ReadonlySet<string>;
  /** Their addresses, and those of the other profiles' gateways. */
  addresses: readonly string[];
  spared: readonly string[];
  /** Names of IPsec connections that are known to carry L2TP, with the gateway that each leads to. */
  connections: ReadonlyMap<string, string>;
  problems: readonly string[];
};

/** Profiles as they were seen; `unread` says why they could not be, or null. */
export type Seen = { profiles: readonly SeenProfile[]; unread: string | null };

/** `wanted`: ids or names of profiles; null for every L2TP connection there is or ever will be. */
export async function readScope(host: Host, wanted: readonly string[] | null): Promise<Scope> {
  const [seen, connections] = await Promise.all([read(host), readConnections(host)]);
  const found =
    seen.state === 'known'
      ? { profiles: seen.fact.profiles, unread: null }
      : { profiles: [], unread: seen.detail };
  return scopeOf(host, found, connections, wanted);
}

/**
 * Everything, as far as it can be told before the profiles were read: live tunnels, settings and those who dial name the
 * gateways.
 */
export function scopeByTunnels(
  connections: Connections,
  tunnels: readonly Tunnel[],
  dialled: readonly string[],
): Scope {
  const known = [...tunnels, ...connections.found].map(({ peer }) => peer ?? '');
  const peers = [...known, ...dialled];
  return {
    all: true,
    profiles: [],
    others: [],
    missing: [],
    gateways: new Set(),
    addresses: [...new Set(peers.filter((peer) => isIP(peer) !== 0))],
    spared: [],
    connections: byName(connections),
    problems: [],
  };
}

export async function scopeOf(
  host: Host,
  { profiles: known, unread }: Seen,
  connections: Connections,
  wanted: readonly string[] | null,
): Promise<Scope> {
  const isWanted = ({ id, name }: SeenProfile) =>
    wanted === null || wanted.includes(id) || wanted.includes(name);
  const profiles = known.filter(isWanted);
  const others = known.filter((profile) => !isWanted(profile));
  const gateways = gatewaysOf(profiles);
  const [stopped, spared] = await Promise.all([resolve(host, gateways), resolve(host, gatewaysOf(others))]);
  return {
    all: wanted === null,
    profiles,
    others,
    missing: (wanted ?? []).filter(
      (name) => !known.some((profile) => profile.id === name || profile.name === name),
    ),
    gateways,
    addresses: stopped.addresses,
    // A gateway of both is stopped: the block outranks the profile that shares it.
    spared: spared.addresses.filter((address) => !stopped.addresses.includes(address)),
    connections: byName(connections),
    problems: [
      ...(unread === null ? [] : [`The VPN profiles could not be read: ${unread}`]),
      ...stopped.lost.map(
        (name) => `The gateway ${name} has no address now; L2TP to it is stopped all the same.`,
      ),
      ...(wanted === null ? [] : sharing(others, stopped.addresses, spared)),
    ],
  };
}

function byName({ found }: Connections): ReadonlyMap<string, string> {
  return new Map(found.map(({ name, peer }) => [name, peer]));
}

function gatewaysOf(profiles: readonly SeenProfile[]): Set<string> {
  return new Set(profiles.flatMap(({ gateway }) => gateway ?? []));
}

type Resolved = { addresses: string[]; lost: string[]; of: ReadonlyMap<string, readonly string[]> };

async function resolve(host: Host, gateways: ReadonlySet<string>): Promise<Resolved> {
  const pairs = await Promise.all(
    [...gateways].map(async (name) => [name, await addressesOf(host, name)] as const),
  );
  return {
    addresses: [...new Set(pairs.flatMap(([, addresses]) => addresses))],
    lost: pairs.filter(([, addresses]) => addresses.length === 0).map(([name]) => name),
    of: new Map(pairs),
  };
}

/** Profiles that nobody wanted to stop but whose gateway is stopped, or cannot be told from one that is. */
function sharing(others: readonly SeenProfile[], stopped: readonly string[], spared: Resolved): string[] {
  const hit = others.filter(({ gateway }) => {
    const addresses = spared.of.get(gateway ?? '') ?? [];
    return addresses.length === 0 || addresses.some((address) => stopped.includes(address));
  });
  return hit.map(
    ({ name }) => `The profile ${name} is stopped too: its gateway cannot be told from a denied one.`,
  );
}

/** A session is spared only where it is known to belong to a profile that is. */
export function isSessionIn(scope: Scope, session: Session): boolean {
  if (scope.all) return true;
  return !scope.others.some((other) => other.interface !== null && other.interface === session.interface);
}

export function isTunnelIn(scope: Scope, { name, peer, l2tp }: Tunnel): boolean {
  const gateway = scope.connections.get(name);
  const isKnown = gateway !== undefined || scope.profiles.some(({ id }) => id === name);
  if (l2tp === false || (l2tp === null && !isKnown)) return false;
  if (scope.all || scope.profiles.some((profile) => profile.id === name || profile.name === name))
    return true;
  return scope.gateways.has(gateway ?? '') || (peer !== null && scope.addresses.includes(peer));
}
