import { isIPv6 } from 'node:net';
import { nft } from '../base/commands.ts';
import { run } from '../base/exec.ts';
import type { Filter } from './config.ts';
import { interfaceOf, type PppSession } from './ppp.ts';

/** Our table alone is ever touched; the site's own rules stay as they are. */
const TABLE = 'inet drawbridge_gateway';

/** A session whose Filter-Id the settings do not name reaches nothing: a slip must not let everybody in. */
const UNKNOWN: Exclude<Filter, 'open'> = { reach: [] };

/** A session and the name of its filter; null for a login that named none, which is open. */
export type Filtered = Pick<PppSession, 'unit' | 'address'> & { filter: string | null };

/**
 * The whole table, as one transaction for `nft -f -`: the old one is replaced in one step, so that there is no moment
 * without it. A session is held by its interface, which holds whatever source address it makes up and IPv6 too, and by
 * its address.
 */
export function renderTable(
  filters: Readonly<Record<string, Filter>>,
  sessions: readonly Filtered[],
): string {
  const groups = groupsOf(filters, sessions);
  const parts = groups.map(({ reach, held }, index) =>
    [sets(index, reach, held), chains(index, reach)].join('\n'),
  );
  const names = groups.map((_group, index) => index);
  return `add table ${TABLE}
delete table ${TABLE}
table ${TABLE} {
${parts.join('\n')}
	chain forward {
		type filter hook forward priority -10; policy accept;
${names.map((index) => jumps(index)).join('')}	}
	chain input {
		type filter hook input priority -10; policy accept;
${names.map((index) => `\t\tiifname @interfaces${index} jump out${index}\n\t\tip saddr @addresses${index} jump out${index}\n`).join('')}	}
}
`;
}

/** Puts the table in force; rejects where nft does not take it. */
export async function applyTable(script: string): Promise<void> {
  const output = await run(nft, ['-f', '-'], { stdin: script, timeoutMs: 5_000 });
  if (output.code !== 0)
    throw new Error(`nft refused the rules: ${output.failure ?? output.stderr.slice(0, 500)}`);
}

type Group = { reach: readonly string[]; held: readonly Filtered[] };

/** One group a filter that is not open, and one of sessions whose filter has no name in the settings. */
function groupsOf(filters: Readonly<Record<string, Filter>>, sessions: readonly Filtered[]): Group[] {
  const named = Object.entries(filters).flatMap(([name, filter]) =>
    filter === 'open' ? [] : [{ reach: filter.reach, held: sessions.filter((one) => one.filter === name) }],
  );
  const held = sessions.filter(({ filter }) => filter !== null && !Object.hasOwn(filters, filter));
  return [...named, { ...UNKNOWN, held }];
}

function sets(index: number, reach: readonly string[], held: readonly Filtered[]): string {
  const interfaces = held.map(({ unit }) => `"${interfaceOf(unit)}"`);
  const addresses = [...new Set(held.map(({ address }) => address))];
  return [
    set(`interfaces${index}`, 'type ifname', interfaces),
    set(`addresses${index}`, 'type ipv4_addr; flags timeout; timeout 1d', addresses),
    set(
      `four${index}`,
      'type ipv4_addr; flags interval; auto-merge',
      reach.filter((one) => !isSix(one)),
    ),
    set(`six${index}`, 'type ipv6_addr; flags interval; auto-merge', reach.filter(isSix)),
  ].join('\n');
}

function set(name: string, kind: string, elements: readonly string[]): string {
  const list = elements.length === 0 ? '' : `\t\telements = { ${elements.join(', ')} }\n`;
  return `\tset ${name} {\n\t\t${kind.replaceAll('; ', '\n\t\t')}\n${list}\t}`;
}

/** Dropped, not rejected: an answer would be a packet of ours into a session that is to be quiet. */
function chains(index: number, reach: readonly string[]): string {
  const rules = (way: 'daddr' | 'saddr') =>
    reach.length === 0 ? '' : `\t\tip ${way} @four${index} accept\n\t\tip6 ${way} @six${index} accept\n`;
  return `	chain out${index} {
${rules('daddr')}		drop
	}
	chain in${index} {
${rules('saddr')}		drop
	}`;
}

function jumps(index: number): string {
  return `		iifname @interfaces${index} jump out${index}
		oifname @interfaces${index} jump in${index}
		ip saddr @addresses${index} jump out${index}
		ip daddr @addresses${index} jump in${index}
`;
}

function isSix(network: string): boolean {
  return isIPv6(network.split('/')[0] ?? '');
}
