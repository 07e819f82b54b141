import type { PfRule } from './macos-pf.ts';

/** What of one profile is to be blocked. */
export type PfTarget = {
  id: string;
  /** Addresses of its gateway. */
  gateways: readonly string[];
  /** `ppp0` while it is up. */
  interface: string | null;
};

/** L2TP itself, to whomever, also without IPsec. */
const L2TP: readonly PfRule[] = [
  { rule: 'block drop quick proto udp from any to any port 1701', about: 'all' },
  { rule: 'block drop quick proto udp from any port 1701 to any', about: 'all' },
];

/** One rule a line: a list in braces would become several, and the count in their labels wrong. */
export function vpnRules(targets: readonly PfTarget[], all: boolean): PfRule[] {
  const own = targets.flatMap(({ id, gateways, interface: name }): PfRule[] => {
    const lines = [...(isPpp(name) ? [`block drop quick on ${name} all`] : []), ...gateways.flatMap(rulesTo)];
    return lines.map((rule) => ({ rule, about: id }));
  });
  // The first rule's label is the token's, so it must not be the only one that speaks of a profile.
  const [first] = own;
  return all ? [...L2TP, ...own] : first === undefined ? [] : [first, ...own];
}

function isPpp(name: string | null): name is string {
  return name !== null && /^ppp\d{1,3}$/.test(name);
}

function rulesTo(address: string): string[] {
  const family = address.includes(':') ? 'inet6' : 'inet';
  return [
    ...[500, 1_701, 4_500].map(
      (port) => `block drop quick ${family} proto udp from any to ${address} port ${port}`,
    ),
    `block drop quick ${family} proto udp from ${address} to any`,
    `block drop quick ${family} proto esp from any to ${address}`,
    `block drop quick ${family} proto esp from ${address} to any`,
  ];
}
