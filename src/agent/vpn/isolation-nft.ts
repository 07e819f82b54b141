import { z } from 'zod';
import { parseJson } from '../../base/json.ts';
import { canonicalAddress, reachable, type Reachable } from './isolation.ts';

export const TABLE = 'drawbridge_isolation';

/** Our mark on each rule, followed by what it is for. */
const MARK = 'drawbridge: ';

type Chain = 'input' | 'output' | 'forward';

/**
 * What stays open whoever is reachable: one's own address, and the way to it. Neighbour discovery only as it comes
 * from the same link (hop limit 255). An ICMP error about a connection that we let through is part of it.
 */
const ALWAYS: Readonly<Record<Chain, readonly (readonly [what: string, match: string])[]>> = {
  output: [
    ['loopback', 'oifname "lo"'],
    ['dhcp', 'udp sport 68 udp dport 67'],
    ['dhcp6', 'udp sport 546 udp dport 547'],
    ['neighbours', `ip6 hoplimit 255 icmpv6 type { ${neighbours('nd-router-solicit')} }`],
  ],
  input: [
    ['loopback', 'iifname "lo"'],
    ['dhcp', 'udp sport 67 udp dport 68'],
    ['dhcp6', 'udp sport 547 udp dport 546'],
    ['neighbours', `ip6 hoplimit 255 icmpv6 type { ${neighbours('nd-router-advert')} }`],
    ['errors', 'ct state related icmp type destination-unreachable'],
    ['errors6', 'ct state related icmpv6 type { destination-unreachable, packet-too-big }'],
  ],
  // What containers and virtual machines send through us is not ours to let through.
  forward: [],
};

function neighbours(router: string): string {
  return `${router}, nd-neighbor-solicit, nd-neighbor-advert`;
}

/** After the address translation of other tables, so that the address that is judged is the one that is reached. */
const PRIORITY = -5;

/** The table as text for `nft -f`; it takes the place of an earlier one in the same transaction. */
export function ruleset(reach: readonly Reachable[]): string {
  const chains = (['input', 'output', 'forward'] as const).map((name) =>
    [
      `  chain ${name} {`,
      `    type filter hook ${name} priority ${PRIORITY}; policy drop;`,
      ...ALWAYS[name].map(([what, match]) => `    ${match} accept comment "${MARK}${what}"`),
      ...(name === 'forward'
        ? []
        : reach.map((one) => `    ${matchOf(one, name)} accept comment "${MARK}reachable"`)),
      '  }',
    ].join('\n'),
  );
  return [...removal().trimEnd().split('\n'), `table inet ${TABLE} {`, ...chains, '}', ''].join('\n');
}

/** Removing a table that is not there is an error of `nft`, so it is made first. */
export function removal(): string {
  return `add table inet ${TABLE}\ndelete table inet ${TABLE}\n`;
}

/** Addresses are parsed and printed anew before they get here: nothing of what somebody wrote is in this text. */
function matchOf(one: Reachable, chain: 'input' | 'output'): string {
  const family = one.address.includes(':') ? 'ip6' : 'ip';
  const [end, port] = chain === 'output' ? ['daddr', 'dport'] : ['saddr', 'sport'];
  const host = `${family} ${end} ${canonicalAddress(one.address)}`;
  if (one.protocol === 'any') return host;
  const service = `${host} ${one.protocol} ${port} ${one.port}`;
  // Answers only: a neighbour can put on the server's address and port.
  return chain === 'output' ? service : `${service} ct state established`;
}

const chainEntry = z.object({
  chain: z.object({
    name: z.string(),
    hook: z.string().optional(),
    policy: z.string().optional(),
    type: z.string().optional(),
  }),
});
const ruleEntry = z.object({
  rule: z.object({ chain: z.string(), comment: z.string().optional(), expr: z.array(z.unknown()) }),
});
const tableEntry = z.object({ table: z.object({ flags: z.unknown().optional() }) });
const document = z.object({ nftables: z.array(z.unknown()).max(10_000) });

type Rule = z.output<typeof ruleEntry>['rule'];

/** What `nft -j list table` shows, looked through rule by rule: what is not as we load it is a problem. */
export function parseTable(text: string): { reach: Reachable[]; problems: string[] } {
  const parsed = document.safeParse(parseJson(text));
  if (!parsed.success) return { reach: [], problems: ['nft printed no list that this version reads'] };
  const entries = parsed.data.nftables;
  const rules = entries.flatMap((entry) => ruleEntry.safeParse(entry).data?.rule ?? []);
  const problems = [
    ...entries.flatMap(flagged),
    ...(['input', 'output', 'forward'] as const).flatMap((name) => chainProblems(name, entries, rules)),
  ];
  const sides = (['output', 'input'] as const).map((chain) =>
    rules.filter((rule) => rule.chain === chain && isReachable(rule)).map((rule) => reachOf(rule, chain)),
  );
  const [out = [], back = []] = sides;
  const found = out.filter((one) => one !== null);
  if (found.length < out.length || back.includes(null) || out.length !== back.length)
    problems.push('a rule of ours was changed');
  return { reach: found, problems };
}

/** We give it no flag, such as `dormant`; which one it has, nft 1.0.6 does not print right. */
function flagged(entry: unknown): string[] {
  const flags = tableEntry.safeParse(entry).data?.table.flags;
  return flags === undefined ? [] : ['our table was given a flag, such as dormant'];
}

function chainProblems(name: Chain, entries: readonly unknown[], rules: readonly Rule[]): string[] {
  const chain = entries
    .map((entry) => chainEntry.safeParse(entry).data?.chain)
    .find((one) => one?.name === name);
  if (chain?.hook !== name || chain.policy !== 'drop' || chain.type !== 'filter')
    return [`the chain ${name} of our table does not drop`];
  const own = rules.filter((rule) => rule.chain === name);
  const fixed = own.filter((rule) => !isReachable(rule)).map((rule) => rule.comment);
  const wanted = ALWAYS[name].map(([what]) => `${MARK}${what}`);
  return fixed.join('\n') === wanted.join('\n') ? [] : [`the chain ${name} of our table was changed`];
}

function isReachable({ comment }: Rule): boolean {
  return comment === `${MARK}reachable`;
}

const payload = z.object({
  match: z.object({
    op: z.literal('=='),
    left: z.object({ payload: z.object({ protocol: z.string(), field: z.string() }) }),
    right: z.union([z.string(), z.number()]),
  }),
});

/** Who a rule lets through, by what it matches; null when it is none of those that we load. */
function reachOf({ expr }: Rule, chain: 'input' | 'output'): Reachable | null {
  const matches = expr.flatMap((one) => payload.safeParse(one).data?.match ?? []);
  const [end, portField] = chain === 'output' ? ['daddr', 'dport'] : ['saddr', 'sport'];
  const host = matches.find(({ left: { payload: at } }) => at.field === end)?.right;
  const service = matches.find(({ left: { payload: at } }) => at.field === portField);
  if (service === undefined && matches.length > 1) return null;
  const seen =
    service === undefined
      ? { address: host, protocol: 'any' }
      : { address: host, protocol: service.left.payload.protocol, port: service.right };
  return reachable.safeParse(seen).data ?? null;
}
