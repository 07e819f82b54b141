import type { Host } from '../check.ts';
import { isProtected, type IpsecState } from './linux-associations.ts';
import { readConnections } from './linux-connections.ts';
import { isDefaultRoute, type PppLink } from './linux-ppp.ts';
import { profile, type Connection, type Profile } from './linux-profile.ts';
import { areSecretsReadable } from './linux-secrets.ts';
import { readLacs, type Lac } from './linux-xl2tpd.ts';

/** What is dialled by hand: an xl2tpd section, the IPsec connection that protects it, or both. */
type Pair = { lac: Lac | null; connection: Connection | null };

/** A client and its live link: null for none, undefined where that cannot be said. */
type Client = { pair: Pair; link: PppLink | null | undefined };

/** Clients set up without NetworkManager. `taken` are the names of NetworkManager's own connections. */
export async function readManual(
  host: Host,
  ipsec: IpsecState,
  links: readonly PppLink[] | null,
  taken: ReadonlySet<string>,
): Promise<Profile[]> {
  const [lacs, connections] = await Promise.all([readLacs(host), readConnections(host)]);
  const own = connections.found.filter(({ name }) => !taken.has(name));
  const pairs = pairUp(lacs, own);
  if (pairs.length === 0 && (links === null || links.length === 0)) return [];
  const secretsReadableByUser = await areSecretsReadable(host, connections.secretFiles);
  const clients = await assignNamed(host, pairs, links, ipsec);
  const described = clients.map(async ({ pair, link }) => ({
    ...describe(pair, ipsec),
    ...(await liveOf(host, link)),
    secretsReadableByUser,
  }));
  const strays = straysOf(links, clients).map(async (link) => ({
    ...profile('xl2tpd', link.name, {}),
    ...(await liveOf(host, link)),
  }));
  return (await Promise.all([...described, ...strays])).map((one) => withLiveIpsec(one, ipsec));
}

/** By name or by gateway; a single section and a single connection belong together (a name and its address). */
function pairUp(lacs: readonly Lac[], connections: readonly Connection[]): Pair[] {
  const single = lacs.length === 1 && connections.length === 1;
  const partnerOf = (lac: Lac) =>
    connections.find(({ name }) => name === lac.name) ??
    connections.find(({ peer }) => peer === lac.gateway) ??
    (single ? connections[0] : undefined) ??
    null;
  const pairs: Pair[] = lacs.map((lac) => ({ lac, connection: partnerOf(lac) }));
  const used = new Set(pairs.map(({ connection }) => connection));
  const alone = connections.filter((connection) => !used.has(connection));
  return [...pairs, ...alone.map((connection) => ({ lac: null, connection }))];
}

/** pppd says which profile a link is for where its options give it a name, as the agent's own do. */
async function assignNamed(
  host: Host,
  pairs: readonly Pair[],
  links: readonly PppLink[] | null,
  ipsec: IpsecState,
): Promise<Client[]> {
  const named = await Promise.all(
    pairs.map(async (pair) => [pair, await namedLink(host, pair, links)] as const),
  );
  const found = named.flatMap(([pair, link]) => (link === null ? [] : [{ pair, link }]));
  const taken = new Set(found.map(({ link }) => link));
  const rest = pairs.filter((pair) => !found.some((one) => one.pair === pair));
  const free = links === null ? null : links.filter((link) => !taken.has(link));
  return [...found, ...assign(rest, free, ipsec)];
}

/** `/run/ppp-NAME.pid`: the process, then the interface. */
async function namedLink(
  host: Host,
  { lac }: Pair,
  links: readonly PppLink[] | null,
): Promise<PppLink | null> {
  if (lac === null || links === null || links.length === 0 || !/^[\w.-]{1,100}$/.test(lac.name)) return null;
  const file = await host.readText(`/run/ppp-${lac.name}.pid`);
  const [, name = ''] = file.ok ? file.value.split('\n') : [];
  return links.find((link) => link.name === name) ?? null;
}

/** A single link is the only client's, or that of the only one that IPsec protects now; more cannot be told apart. */
function assign(pairs: readonly Pair[], links: readonly PppLink[] | null, ipsec: IpsecState): Client[] {
  if (links === null) return pairs.map((pair) => ({ pair, link: undefined }));
  const [only] = links;
  if (only === undefined) return pairs.map((pair) => ({ pair, link: null }));
  const likely = pairs.length === 1 ? pairs : pairs.filter((pair) => protects(ipsec, pair));
  if (links.length > 1 || likely.length !== 1) return pairs.map((pair) => ({ pair, link: undefined }));
  return pairs.map((pair) => ({ pair, link: pair === likely[0] ? only : null }));
}

function protects({ associations }: IpsecState, pair: Pair): boolean {
  return isProtected(associations ?? [], namesOf(pair), gatewayOf(pair));
}

function namesOf({ lac, connection }: Pair): string[] {
  return [lac?.name, connection?.name].filter((name) => name !== undefined);
}

function gatewayOf({ lac, connection }: Pair): string | null {
  return lac?.gateway ?? connection?.peer ?? null;
}

function describe(pair: Pair, { daemon }: IpsecState): Profile {
  const { connection } = pair;
  const [name = ''] = namesOf(pair);
  return profile(daemon ?? (connection ? 'strongswan' : 'xl2tpd'), name, {
    gateway: gatewayOf(pair),
    auth: connection?.auth ?? null,
    suites: connection?.suites ?? null,
    // Without any IKE daemon nothing can protect it; with one, its settings may lie where we do not look.
    ipsec: connection ? true : daemon === null ? false : null,
    enabled: connection?.enabled !== false,
  });
}

type Live = Pick<Profile, 'state' | 'interface' | 'address' | 'mtu' | 'since' | 'allTraffic'>;

const DOWN: Live = {
  state: 'down',
  interface: null,
  address: null,
  mtu: null,
  since: null,
  allTraffic: null,
};

async function liveOf(host: Host, link: PppLink | null | undefined): Promise<Live> {
  if (!link) return { ...DOWN, state: link === undefined ? null : 'down' };
  return {
    state: link.address === null ? 'connecting' : 'up',
    interface: link.name,
    address: link.address,
    mtu: link.mtu,
    since: link.since,
    allTraffic: await isDefaultRoute(host, link.name),
  };
}

/** Live sessions that belong to no client that we know of. */
function straysOf(links: readonly PppLink[] | null, clients: readonly Client[]): PppLink[] {
  const claimed = new Set(clients.map(({ link }) => link));
  return (links ?? []).filter((link) => !claimed.has(link));
}

/** Settings promise, associations prove: a link whose association is gone sends in clear text. */
export function withLiveIpsec(one: Profile, { associations }: IpsecState): Profile {
  if (one.state !== 'up') return one;
  if (associations === null) return one.ipsec === false ? one : { ...one, ipsec: null };
  return { ...one, ipsec: isProtected(associations, [one.id, one.name], one.gateway) };
}
