import { BLOCK_TABLE } from '../../../collectors/vpn-client/linux-block.ts';
import { ABOUT_KERNEL } from '../../../collectors/vpn-client/linux-associations.ts';
import { readConnections, type Connections } from '../../../collectors/vpn-client/linux-connections.ts';
import { ABOUT_ALL, aboutProfile } from '../../../collectors/vpn-client/linux-networkmanager.ts';
import { readDialledInterfaces } from '../../../collectors/vpn-client/linux-ppp.ts';
import type { Host } from '../../../collectors/check.ts';
import type { VpnState } from './driver.ts';
import { VpnFailure } from './driver.ts';
import { ip, nft, nmcli, swanctl, type Command } from '../../base/commands.ts';
import { STATUS } from '../../wire/order.ts';
import { gatewaysOf, hangUp } from './linux-dialler.ts';
import { holdBlock, NFT_INPUT, type Held } from './linux-block.ts';
import {
  deactivate,
  endInside,
  endTunnels,
  hangUpSessions,
  untilIkeIsGone,
  type Leaving,
} from './linux-ending.ts';
import { readTunnels, type Tunnel } from './linux-ike.ts';
import { saying } from './linux-absent.ts';
import { answered, answersTo, atOnce, glance, lookThrough, type OnceHost } from './linux-look.ts';
import { isSessionIn, isTunnelIn, readScope, scopeByTunnels, scopeOf, type Scope } from './linux-scope.ts';
import { readSessions, type Dialler, type Live, type Session } from './linux-sessions.ts';
import { handedOver, lettingGo, startWaiting, type Tools, type Waiting } from './linux-tools.ts';

/** Shows our own table. */
const LIST = ['list', 'table', 'inet', BLOCK_TABLE];

/** How iproute2 takes its questions from its input. */
const IP_INPUT = [ip, ['-batch', '-']] as const;

/** Passes over what is there: a later one is for what came up, or was left, while the one before went on. */
const MAX_PASSES = 3;

/**
 * No session of the profiles (ids or names; null for all), and none can come up: first the cut, which takes
 * milliseconds, then the sessions' orderly end, then the standing block, then a look. Throws `VpnFailure` when a
 * session or its tunnel is still there, or the block is not. `begin` is awaited before anything is done; `next` gives an
 * `nft` that waits for its input.
 */
export function deny(
  tools: Tools,
  wanted: readonly string[] | null,
  begin: () => Promise<void> = async () => {},
  next: () => Waiting = () => startWaiting(tools, NFT_INPUT),
): Promise<VpnState> {
  if (wanted === null) return denyAll(tools, begin, next);
  return begin().then(() => denySome(tools, wanted));
}

/** Whatever there is, is cut and ended without waiting to hear which profiles it belongs to. */
async function denyAll(tools: Tools, begin: () => Promise<void>, next: () => Waiting): Promise<VpnState> {
  const first = atOnce(tools.host);
  const cutter = next();
  const { sessions, diallers, reading } = await cutAll(tools, first, begin, cutter).finally(cutter.letGo);
  const managed = diallers.flatMap((dialler) => managedBy(dialler) ?? []);
  // NetworkManager's plugin ends IPsec without a goodbye inside it: the gateway would keep the session.
  const ending = endAll(tools, { sessions, diallers }, managed);
  await untilTold();
  const kernelToo = managed.length > 0 ? [startWaiting(tools, IP_INPUT)] : [];
  return lettingGo([next(), next(), ...kernelToo], async ([block, listing, kernel]) => {
    const [[before, connections, gateways], leaving] = await Promise.all([reading, ending]);
    const settings = answersTo(first.answers, swanctl, '--list-conns');
    let tunnels = managed.length > 0 ? await readTunnels(tools.host) : before;
    let scope = scopeByTunnels(connections, before ?? [], gateways);
    for (let count = 1; ; count++) {
      const prepared = count === 1 ? { block, listing, kernel, managed, leaving } : {};
      const outcome = await pass(tools, scope, tunnels ?? [], settings, prepared);
      const whole = await scopeOf(tools.host, { ...outcome.seen, unread: null }, connections, null);
      const isLeft = outcome.isLeft || outcome.tunnels.some((tunnel) => isTunnelIn(whole, tunnel));
      const isKnown = whole.addresses.every((address) => scope.addresses.includes(address));
      if ((isKnown && !isLeft) || count === MAX_PASSES)
        return conclude(whole, { ...outcome, isLeft }, before ?? []);
      scope = whole;
      tunnels = await readTunnels(tools.host);
    }
  });
}

/** What there is when the cut is made: IPsec tunnels, set up connections, and where diallers lead. */
type Before = Promise<[Tunnel[] | null, Connections, readonly string[]]>;

/**
 * What the kernel says to be dialled is cut before all processes are looked through; what that finds besides is cut then.
 * Answers with the sessions that are to end, and with what is being read: once they are ending there may be nobody to ask.
 */
async function cutAll(
  tools: Tools,
  host: Host,
  begin: () => Promise<void>,
  cutter: Waiting,
): Promise<Live & { reading: Before }> {
  const [dialled] = await Promise.all([readDialledInterfaces(host), begin()]);
  const known = [...(dialled ?? [])];
  const cutting = cut(tools, known, EVERYTHING, cutter);
  await handedOver();
  const looking = readSessions(host);
  const leadingTo = looking.then(({ diallers }) => gatewaysOf(host, diallers));
  const reading = Promise.all([readTunnels(host), readConnections(host), leadingTo]);
  const [live] = await Promise.all([looking, cutting]);
  const interfaces = interfacesOf(live.sessions);
  if (interfaces.some((name) => !known.includes(name))) await cut(tools, interfaces, EVERYTHING);
  return { ...live, reading };
}

/** Processes are told to end before anything else is begun: starting a program, or asking many things, would hold that up. */
async function untilTold(): Promise<void> {
  await new Promise(setImmediate);
}

/** What runs inside of IPsec; pppd's scripts may still be at work, and go on beside what is next. */
async function endAll(
  tools: Tools,
  { sessions, diallers }: Live,
  managed: readonly string[],
): Promise<Leaving> {
  const hangingUp = hangUpSessions(tools, sessions);
  await untilTold();
  // What is set up is told already when it is asked for at the end.
  if (managed.length > 0) void tools.host.run(nmcli, ABOUT_ALL);
  const leaving = await hangingUp;
  await deactivate(tools, managed);
  if (managed.length > 0) await untilIkeIsGone(tools);
  for (const dialler of diallers) await hangUp(tools, dialler, null);
  return leaving;
}

/**
 * Programs that wait for the standing block, to tell what it has become, and for what the kernel has left of IPsec;
 * connections that will be asked about; what is ended already inside of IPsec.
 */
type Prepared = {
  block?: Waiting | undefined;
  listing?: Waiting | undefined;
  kernel?: Waiting | undefined;
  managed?: readonly string[];
  leaving?: Leaving;
};

/** The connection of NetworkManager's that a dialler works for: its plugin gives each one a folder of that name. */
function managedBy({ config }: Dialler): string | null {
  return /^\/(?:var\/)?run\/nm-l2tp-([0-9a-f-]{36})\//.exec(config)?.[1] ?? null;
}

async function denySome(tools: Tools, wanted: readonly string[]): Promise<VpnState> {
  const first = atOnce(tools.host, withoutBlock);
  const [scope, before] = await Promise.all([readScope(first, wanted), readTunnels(first)]);
  if (scope.profiles.length === 0) throw unknownProfiles(scope);
  const settings = settingsIn(first, scope);
  let outcome = await pass(tools, scope, before ?? [], settings);
  for (let count = 1; count < MAX_PASSES && outcome.isLeft; count++)
    outcome = await pass(tools, scope, (await readTunnels(tools.host)) ?? [], settings);
  return conclude(scope, outcome, before ?? []);
}

/**
 * Whose the profiles are and where they lead is asked, not what the block makes of them: that is about to change, and a
 * profile that only just comes up behind it has to be ended all the same.
 */
const withoutBlock: OnceHost['answers'] = new Map([
  answered(nft, LIST, saying({ code: 1, stderr: 'No such file or directory' })),
  answered(ip, ['-j', 'rule', 'show'], saying({ stdout: '[]' })),
]);

/** What the order does not change and nobody has to be asked twice in a second: which connections are set up. */
function settingsIn({ answers }: OnceHost, { profiles, others }: Scope): OnceHost['answers'] {
  const managed = [...profiles, ...others].some(({ backend }) => backend === 'networkmanager');
  return new Map([
    ...answersTo(answers, swanctl, '--list-conns'),
    ...(managed ? [] : answersTo(answers, nmcli)),
  ]);
}

/** What one pass led to, and what was seen at its end. */
type Outcome = { held: Held; isLeft: boolean; tunnels: readonly Tunnel[]; seen: VpnState };

async function pass(
  tools: Tools,
  scope: Scope,
  tunnels: readonly Tunnel[],
  settings: OnceHost['answers'],
  { block, listing, kernel, managed = [], leaving }: Prepared = {},
): Promise<Outcome> {
  const ending = leaving === undefined ? await tearDown(tools, scope, tunnels) : within(scope, tunnels);
  // An association that lives ends behind the block, too.
  const [held] = await Promise.all([
    holdBlock(tools, { ...planOf(scope), stage: 'standing', interfaces: [] }, block),
    endTunnels(tools, ending),
  ]);
  await leaving?.gone;
  const asked = [...telling(nft, LIST, listing), ...telling(ip, ABOUT_KERNEL, kernel)];
  await handedOver();
  const host = await glance(tools.host, new Map([...settings, ...asked]));
  // Asked while the list of all is made, which is waited for otherwise.
  for (const id of managed) void host.run(nmcli, aboutProfile(id));
  const [{ sessions }, left, seen] = await Promise.all([
    readSessions(host),
    readTunnels(host),
    lookThrough(host),
  ]);
  const isLeft =
    sessions.some((session) => isSessionIn(scope, session)) ||
    (left ?? []).some((tunnel) => isTunnelIn(scope, tunnel));
  return { held, isLeft, tunnels: left ?? [], seen };
}

/** The answer of a program that waited for the question. */
function telling(
  command: Command,
  argv: readonly string[],
  waiting?: Waiting,
): ReturnType<typeof answered>[] {
  return waiting === undefined ? [] : [answered(command, argv, waiting.goOn(`${argv.join(' ')}\n`))];
}

/** Every L2TP session cut and every L2TP packet stopped, before anybody knows more. */
export async function stopAll(tools: Tools): Promise<void> {
  const { sessions } = await readSessions(tools.host);
  await holdBlock(tools, { ...EVERYTHING, stage: 'standing', interfaces: interfacesOf(sessions) });
}

function interfacesOf(sessions: readonly Session[]): string[] {
  return sessions.flatMap((session) => session.interface ?? []);
}

async function cut(tools: Tools, interfaces: readonly string[], plan: Plan, cutter?: Waiting): Promise<void> {
  await holdBlock(tools, { ...plan, stage: 'cut', interfaces }, cutter);
}

type Plan = { profiles: readonly string[] | null; gateways: readonly string[]; spared: readonly string[] };

const EVERYTHING: Plan = { profiles: null, gateways: [], spared: [] };

function planOf(scope: Scope): Plan {
  return {
    profiles: scope.all ? null : scope.profiles.map(({ id }) => id),
    gateways: scope.addresses,
    spared: scope.all ? [] : scope.spared,
  };
}

function unknownProfiles({ missing }: Scope): VpnFailure {
  const names = missing.length === 0 ? 'none was named' : missing.join(', ');
  return new VpnFailure(`There is no such VPN profile here: ${names}.`, STATUS.notFound, null);
}

/** Answers with the tunnels that are to end now. */
async function tearDown(tools: Tools, scope: Scope, tunnels: readonly Tunnel[]): Promise<Tunnel[]> {
  const live = await readSessions(tools.host);
  const ours = live.sessions.filter((session) => isSessionIn(scope, session));
  if (ours.length > 0) await cut(tools, interfacesOf(ours), planOf(scope));
  return endInside(tools, scope, { ...live, sessions: ours }, tunnels);
}

function within(scope: Scope, tunnels: readonly Tunnel[]): Tunnel[] {
  return tunnels.filter((one) => isTunnelIn(scope, one));
}

/** Tunnels of others that were up and are gone. */
function collateral(scope: Scope, before: readonly Tunnel[], after: readonly Tunnel[]): string[] {
  const foreign = before.filter((tunnel) => tunnel.up && !isTunnelIn(scope, tunnel));
  const survived = new Set(after.filter(({ up }) => up).map(({ name }) => name));
  return foreign.map(({ name }) => name).filter((name) => !survived.has(name));
}

function conclude(scope: Scope, outcome: Outcome, before: readonly Tunnel[]): VpnState {
  const { held, isLeft, tunnels } = outcome;
  const problems = [
    ...scope.problems,
    ...scope.missing.map((name) => `There is no VPN profile ${name} here.`),
    ...(held.by === 'routing-rules' ? [`The block stands by routing rules: ${held.why}.`] : []),
  ];
  const seen = {
    ...outcome.seen,
    collateral: collateral(scope, before, tunnels),
    problems: [...new Set([...problems, ...outcome.seen.problems])],
  };
  if (held.by === 'nothing') throw failure(`The VPN is not blocked: ${held.why}.`, seen);
  if (seen.block !== 'holding') throw failure('The VPN is not blocked: the block is not in force.', seen);
  if (isLeft) throw failure('A VPN session could not be ended; its traffic is cut.', seen);
  return seen;
}

function failure(message: string, seen: VpnState): VpnFailure {
  return new VpnFailure(message, STATUS.failed, seen);
}
