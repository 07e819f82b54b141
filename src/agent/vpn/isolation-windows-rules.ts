import type { Reachable } from './isolation.ts';
import {
  familyOf,
  portsBut,
  rangeOf,
  textOfRanges,
  without,
  type Family,
  type Range,
} from './isolation-ranges.ts';
import { DIRECTION, PROTOCOL, type Blocking } from './windows-firewall.ts';

const { in: IN, out: OUT } = DIRECTION;

/** All addresses of others. Loopback is not filtered, and nobody has an address below these. */
const ALL: Readonly<Record<Family, readonly Range[]>> = {
  4: without([rangeOf('1.0.0.0', '255.255.255.255')], [rangeOf('127.0.0.0', '127.255.255.255')]),
  6: [rangeOf('::2', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')],
};

/** Where DHCP and neighbour discovery speak to; there, protocols are looked at one by one. */
const NEAR: Readonly<Record<Family, readonly Range[]>> = {
  4: [rangeOf('255.255.255.255')],
  6: [
    rangeOf('fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff'),
    rangeOf('ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'),
  ],
};

const FAMILIES = [4, 6] as const;

/** A host of which some services are reachable. */
type Host = { address: string; tcp: number[]; udp: number[] };

/**
 * Windows lets a rule that blocks outrank every rule that allows, its own and other people's. So all is said by
 * blocking: everybody but those who are named, and of those everything but what is named. Answers belong to the
 * connection that was let out, so what comes in is somebody else calling.
 */
export function isolationRules(reach: readonly Reachable[]): Blocking[] {
  const whole = reach.filter((one) => one.protocol === 'any').map(({ address }) => address);
  const hosts = hostsOf(reach).filter(({ address }) => !whole.includes(address));
  const named = [...whole, ...hosts.map(({ address }) => address)];
  const near = list((family) => without(NEAR[family], ranges(named, family)));
  const far = list((family) => without(without(ALL[family], NEAR[family]), ranges(named, family)));
  const strangers = list((family) => without(ALL[family], ranges(whole, family)));
  return [
    { direction: OUT, protocol: PROTOCOL.any, remoteAddresses: far },
    { direction: OUT, protocol: PROTOCOL.tcp, remoteAddresses: near },
    { direction: OUT, protocol: PROTOCOL.udp, remoteAddresses: near, remotePorts: portsBut([67, 547]) },
    { direction: IN, protocol: PROTOCOL.tcp, remoteAddresses: strangers },
    { direction: IN, protocol: PROTOCOL.udp, remoteAddresses: strangers, localPorts: portsBut([68, 546]) },
    { direction: IN, protocol: PROTOCOL.icmp, icmp: '8:*', remoteAddresses: only(4, whole) },
    { direction: IN, protocol: PROTOCOL.icmp6, icmp: '128:*', remoteAddresses: only(6, whole) },
    ...groupsOf(hosts).flatMap(rulesOf),
  ];
}

/** Addresses of one family only: a rule for ICMP takes no others. */
function only(family: Family, whole: readonly string[]): string {
  return textOfRanges(without(ALL[family], ranges(whole, family)), family);
}

function list(of: (family: Family) => Range[]): string {
  return FAMILIES.map((family) => textOfRanges(of(family), family))
    .filter((text) => text !== '')
    .join(',');
}

function ranges(addresses: readonly string[], family: Family): Range[] {
  return addresses.filter((one) => familyOf(one) === family).map((one) => rangeOf(one));
}

function hostsOf(reach: readonly Reachable[]): Host[] {
  const hosts = new Map<string, Host>();
  for (const one of reach) {
    if (one.protocol === 'any') continue;
    const host = hosts.get(one.address) ?? { address: one.address, tcp: [], udp: [] };
    host[one.protocol].push(one.port);
    hosts.set(one.address, host);
  }
  return [...hosts.values()];
}

/** Those with the same services share their rules. */
function groupsOf(hosts: readonly Host[]): Host[][] {
  return [...Map.groupBy(hosts, ({ tcp, udp }) => JSON.stringify([tcp.toSorted(), udp.toSorted()])).values()];
}

function rulesOf(hosts: readonly Host[]): Blocking[] {
  const { tcp = [], udp = [] } = hosts[0] ?? {};
  const addresses = hosts.map(({ address }) => address);
  const echo = (protocol: Blocking['protocol'], icmp: string, family: Family): Blocking[] => {
    const own = addresses.filter((one) => familyOf(one) === family);
    return own.length === 0 ? [] : [{ direction: OUT, protocol, icmp, remoteAddresses: own.join(',') }];
  };
  const remoteAddresses = addresses.join(',');
  return [
    { direction: OUT, protocol: PROTOCOL.tcp, remoteAddresses, remotePorts: portsBut(tcp) },
    { direction: OUT, protocol: PROTOCOL.udp, remoteAddresses, remotePorts: portsBut(udp) },
    ...echo(PROTOCOL.icmp, '8:*', 4),
    ...echo(PROTOCOL.icmp6, '128:*', 6),
  ];
}
