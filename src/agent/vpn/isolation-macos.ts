import { STATUS } from '../../wire/order.ts';
import { pfctl } from '../../base/commands.ts';
import {
  checkedReach,
  IsolationFailure,
  reachOfText,
  sameReach,
  sortedReach,
  textOfReach,
  type Isolation,
  type IsolationHost,
  type IsolationState,
  type Reachable,
} from './isolation.ts';
import { emptyAnchor, loadAnchor, viewAnchor, type Anchor, type PfRule } from './macos-pf.ts';

export const ANCHOR: Anchor = { name: 'com.apple/000.drawbridge-isolation', mark: 'dbi' };

/** By an anchor of pf. Never yet run on a real Mac by us. */
export function macosIsolation(host: IsolationHost): Isolation {
  return {
    inspect: () => inspect(host),
    async apply(want) {
      const reach = checkedReach(want);
      const problem = await loadAnchor(host, ANCHOR, isolationRules(reach));
      // Connections that pf already knows pass without being asked again.
      const forgot = await host.run(pfctl, ['-F', 'states'], { timeoutMs: 5_000 });
      const seen = await inspect(host);
      if (problem === null && forgot.code === 0 && seen.state === 'isolated' && sameReach(seen.reach, reach))
        return seen;
      const said =
        problem ?? (forgot.code === 0 ? 'the rules do not hold' : 'open connections could not be cut');
      throw new IsolationFailure([said, ...seen.problems].join('; '), seen);
    },
    async lift() {
      const problem = await emptyAnchor(host, ANCHOR);
      const seen = await inspect(host);
      if (problem === null && seen.state === 'none') return seen;
      throw new IsolationFailure(
        [problem ?? 'the rules are still there', ...seen.problems].join('; '),
        seen,
        STATUS.failed,
      );
    },
  };
}

async function inspect(host: IsolationHost): Promise<IsolationState> {
  const { abouts, whole, token, problems } = await viewAnchor(host, ANCHOR);
  const unseen = problems.filter((one) => one.startsWith('pfctl: '));
  if (unseen.length > 0) return { state: 'unknown', reach: [], problems: unseen };
  if (abouts.length === 0 && token === null) return { state: 'none', reach: [], problems: [] };
  const reach = abouts.filter((about) => about !== FIXED).map(reachOfText);
  const all = [
    ...problems,
    ...(whole ? [] : ['some of our pf rules are gone']),
    ...(reach.includes(null) ? ['a label of our pf rules was changed'] : []),
  ];
  return {
    state: all.length === 0 ? 'isolated' : 'unknown',
    reach: sortedReach(reach.filter((one) => one !== null)),
    problems: all,
  };
}

const FIXED = 'always';

/** Neighbour discovery, by pfctl's words for its messages. */
const NEIGHBOURS = [
  ['out', 'routersol'],
  ['in', 'routeradv'],
  ['in', 'neighbrsol'],
  ['out', 'neighbrsol'],
  ['in', 'neighbradv'],
  ['out', 'neighbradv'],
] as const;

const ALWAYS: readonly string[] = [
  'pass quick on lo0 all no state',
  'pass out quick inet proto udp from any port 68 to any port 67 no state',
  'pass in quick inet proto udp from any port 67 to any port 68 no state',
  'pass out quick inet6 proto udp from any port 546 to any port 547 no state',
  'pass in quick inet6 proto udp from any port 547 to any port 546 no state',
  ...NEIGHBOURS.map(
    ([way, type]) => `pass ${way} quick inet6 proto ipv6-icmp all icmp6-type ${type} no state`,
  ),
];

/** The first rule that matches decides. One rule a line, so that the count in the labels is right. */
export function isolationRules(reach: readonly Reachable[]): PfRule[] {
  return [
    ...ALWAYS.map((rule) => ({ rule, about: FIXED })),
    ...reach.flatMap((one) => rulesFor(one).map((rule) => ({ rule, about: textOfReach(one) }))),
    { rule: 'block drop quick all', about: FIXED },
  ];
}

/** Without states: one that begins in the middle of a connection does not know its windows. An answer bears an ACK. */
function rulesFor(one: Reachable): string[] {
  const family = one.address.includes(':') ? 'inet6' : 'inet';
  if (one.protocol === 'any')
    return [
      `pass out quick ${family} from any to ${one.address} no state`,
      `pass in quick ${family} from ${one.address} to any no state`,
    ];
  const service = `port ${one.port}`;
  if (one.protocol === 'udp')
    return [`pass out quick ${family} proto udp from any to ${one.address} ${service} keep state`];
  return [
    `pass out quick ${family} proto tcp from any to ${one.address} ${service} flags any no state`,
    `pass in quick ${family} proto tcp from ${one.address} ${service} to any flags A/A no state`,
  ];
}
