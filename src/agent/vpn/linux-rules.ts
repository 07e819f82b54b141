import { isIPv4, isIPv6 } from 'node:net';
import { ALL_PROFILES, BLOCK_TABLE, NO_L2TP } from '../../../collectors/vpn-client/linux-block.ts';

/**
 * What our table is to stop.
 * - `cut`: the sessions' traffic at once, while their orderly end may still go out inside IPsec
 * - `standing`: every L2TP packet and every new IKE, so that nothing comes up again
 */
export type BlockPlan = {
  stage: 'cut' | 'standing';
  /** Interfaces of sessions that are to end; names that the kernel gave. */
  interfaces: readonly string[];
  /** Names of the profiles that are stopped; null for all of them, known or not. */
  profiles: readonly string[] | null;
  /** Addresses of the stopped profiles' gateways. */
  gateways: readonly string[];
  /** Addresses of gateways whose profiles stay allowed: L2TP to anywhere else is stopped. */
  spared: readonly string[];
};

/**
 * The whole table for `nft -f -`, which replaces it in one transaction. Before connection tracking, so that an
 * established flow is no way round. Nothing stands in it that stops nothing: each rule and each set takes its time.
 */
export function blockRules(plan: BlockPlan): string {
  const interfaces = quoted(plan.interfaces);
  const through = (direction: 'iifname' | 'oifname') =>
    interfaces === '' ? '' : `    ${direction} ${interfaces} counter drop comment "session"\n`;
  const [v4, v6] = [plan.gateways.filter(isIPv4), plan.gateways.filter(isIPv6)];
  const newIke = (side: 's' | 'd') =>
    `${v4.length === 0 ? '' : stopNewIke('ip', side)}${v6.length === 0 ? '' : stopNewIke('ip6', side)}`;
  return `table inet ${BLOCK_TABLE}
delete table inet ${BLOCK_TABLE}
table inet ${BLOCK_TABLE} {
${addressSet('stopped4', 'ipv4_addr', v4)}${addressSet('stopped6', 'ipv6_addr', v6)}  chain profiles {
${names(plan.profiles)}  }
  chain output {
    type filter hook output priority -310; policy accept;
${through('oifname')}${sparing('ip daddr', plan.spared.filter(isIPv4))}${sparing('ip6 daddr', plan.spared.filter(isIPv6))}    udp dport 1701 ${whichL2tp(plan, 'rt')}counter drop comment "${NO_L2TP}"
${newIke('d')}  }
  chain prerouting {
    type filter hook prerouting priority -310; policy accept;
${through('iifname')}${newIke('s')}  }
  chain input {
    type filter hook input priority -310; policy accept;
${sparing('ip saddr', plan.spared.filter(isIPv4))}${sparing('ip6 saddr', plan.spared.filter(isIPv6))}    udp sport 1701 ${whichL2tp(plan, 'meta')}counter drop
  }
  chain forward {
    type filter hook forward priority -310; policy accept;
${through('oifname')}  }
}
`;
}

/** Takes the table away, whether it is there or not. */
export const noRules = `table inet ${BLOCK_TABLE}\ndelete table inet ${BLOCK_TABLE}\n`;

/** While sessions end, L2TP inside IPsec may pass: pppd and xl2tpd say goodbye. Outside of IPsec it never may. */
function whichL2tp({ stage }: BlockPlan, key: 'rt' | 'meta'): string {
  return stage === 'cut' ? `${key} ipsec missing ` : '';
}

/** Inside IPsec only: a spared profile is no excuse for L2TP in clear text. */
function sparing(match: 'ip daddr' | 'ip6 daddr' | 'ip saddr' | 'ip6 saddr', spared: string[]): string {
  if (spared.length === 0) return '';
  const [port, key] = match.endsWith('daddr') ? ['dport', 'rt'] : ['sport', 'meta'];
  return `    ${match} { ${spared.join(', ')} } udp ${port} 1701 ${key} ipsec exists accept\n`;
}

/**
 * The first message of an exchange bears no responder's cookie (RFC 2408 §3.1, RFC 7296 §3.1): bytes 8 to 15 of the
 * header, behind four zero bytes on port 4500. What belongs to a living association passes: its end, and other
 * tunnels to the same gateway.
 */
function stopNewIke(family: 'ip' | 'ip6', side: 's' | 'd'): string {
  const peer = `${family} ${side}addr @stopped${family === 'ip' ? '4' : '6'} udp ${side}port`;
  return `    ${peer} 500 @th,128,64 0 counter drop comment "new IKE"
    ${peer} 4500 @th,64,32 0 @th,160,64 0 counter drop comment "new IKE"
`;
}

function addressSet(name: string, type: string, addresses: readonly string[]): string {
  if (addresses.length === 0) return '';
  return `  set ${name} { type ${type}; elements = { ${[...new Set(addresses)].join(', ')} }; }\n`;
}

/** Rules that do nothing but tell readers whose block this is. */
function names(profiles: readonly string[] | null): string {
  const safe = (profiles ?? [ALL_PROFILES]).map((name) => name.replaceAll(/["\\\p{C}]/gu, '?').slice(0, 60));
  return safe.map((name) => `    continue comment "${name}"\n`).join('');
}

/** The kernel allows more in an interface's name than a rule can quote; such a name is left out, never let through. */
function quoted(interfaces: readonly string[]): string {
  const names = interfaces.filter((name) => /^[\w.-]{1,15}$/.test(name)).map((name) => `"${name}"`);
  return names.length > 1 ? `{ ${names.join(', ')} }` : names.join('');
}
