import type { Host } from '../../../collectors/check.ts';
import type { SeenProfile, VpnState } from './driver.ts';
import { VpnFailure } from './driver.ts';
import { nmcli, swanctl } from '../../base/commands.ts';
import { STATUS } from '../../wire/order.ts';
import { holdBlock, type Held } from './linux-block.ts';
import { hangUp } from './linux-dialler.ts';
import { endTunnel, readTunnels, type Tunnel } from './linux-ike.ts';
import { answersTo, atOnce, look, type OnceHost } from './linux-look.ts';
import { endProcess, hasEnded } from './linux-processes.ts';
import { isSessionIn, isTunnelIn, readScope, type Scope } from './linux-scope.ts';
import { readSessions, type Session } from './linux-sessions.ts';
import { act, becomes, type Tools } from './linux-tools.ts';

/** Passes over what is there: a later one is for what came up, or was left, while the one before went on. */
const MAX_PASSES = 3;

/**
 * No session of the profiles (ids or names; null for all), and none can come up: first the cut, which takes
 * milliseconds, then the sessions' orderly end, then the standing block, then a look. Throws `VpnFailure` when a
 * session or its tunnel is still there, or the block is not.
 */
export async function deny(tools: Tools, wanted: readonly string[] | null): Promise<VpnState> {
  const first = atOnce(tools.host);
  // Without waiting to hear which profiles there are, where it does not matter.
  const early = wanted === null ? await cutAll(tools) : [];
  const [scope, before] = await Promise.all([
    readScope(first, wanted),
    readTunnels(first),
    endSessions(tools, early),
  ]);
  refuseUnknown(scope, wanted);
  const settings = settingsIn(first, scope);
  let outcome = await pass(tools, scope, before ?? [], settings);
  for (let count = 1; count < MAX_PASSES && outcome.isLeft; count++)
    outcome = await pass(tools, scope, (await readTunnels(tools.host)) ?? [], settings);
  return conclude(scope, outcome, before ?? []);
}

/** What the order does not change and nobody has to be asked twice in a second: which connections are set up. */
function settingsIn({ answers }: OnceHost, { profiles, others }: Scope): OnceHost['answers'] {
  const managed = [...profiles, ...others].some(({ backend }) => backend === 'networkmanager');
  return new Map([
    ...answersTo(answers, swanctl, '--list-conns'),
    ...(managed ? [] : answersTo(answers, nmcli)),
  ]);
}

/** What one pass led to; `host` answers as things were at its end. */
type Outcome = { held: Held; isLeft: boolean; tunnels: readonly Tunnel[]; host: Host };

async function pass(
  tools: Tools,
  scope: Scope,
  tunnels: readonly Tunnel[],
  settings: OnceHost['answers'],
): Promise<Outcome> {
  await tearDown(tools, scope, tunnels);
  const held = await holdBlock(tools, { ...planOf(scope), stage: 'standing', interfaces: [] });
  const host = atOnce(tools.host, settings);
  const [{ sessions }, left] = await Promise.all([readSessions(host), readTunnels(host)]);
  const isLeft =
    sessions.some((session) => isSessionIn(scope, session)) ||
    (left ?? []).some((tunnel) => isTunnelIn(scope, tunnel));
  return { held, isLeft, tunnels: left ?? [], host };
}

/** Every L2TP session cut and every L2TP packet stopped, before anybody knows more. */
export async function stopAll(tools: Tools): Promise<void> {
  const { sessions } = await readSessions(tools.host);
  const interfaces = sessions.flatMap((session) => session.interface ?? []);
  await holdBlock(tools, { stage: 'standing', interfaces, profiles: null, gateways: [], spared: [] });
}

async function cutAll(tools: Tools): Promise<Session[]> {
  const { sessions } = await readSessions(tools.host);
  await cut(tools, sessions, { profiles: null, gateways: [], spared: [] });
  return sessions;
}

async function cut(tools: Tools, sessions: readonly Session[], plan: Plan): Promise<void> {
  const interfaces = sessions.flatMap((session) => session.interface ?? []);
  await holdBlock(tools, { ...plan, stage: 'cut', interfaces });
}

type Plan = { profiles: readonly string[] | null; gateways: readonly string[]; spared: readonly string[] };

function planOf(scope: Scope): Plan {
  return {
    profiles: scope.all ? null : scope.profiles.map(({ id }) => id),
    gateways: scope.addresses,
    spared: scope.all ? [] : scope.spared,
  };
}

function refuseUnknown({ missing, profiles }: Scope, wanted: readonly string[] | null): void {
  if (wanted === null || profiles.length > 0) return;
  const names = missing.length === 0 ? 'none was named' : missing.join(', ');
  throw new VpnFailure(`There is no such VPN profile here: ${names}.`, STATUS.notFound, null);
}

/** pppd says goodbye to its peer (0.25 s with one that answers); it has this many milliseconds. */
const PPP_GOODBYE_MS = 2_500;

/** Milliseconds for its scripts, which put back what they changed: killing it would leave the tunnel's DNS behind. */
const PPP_SCRIPTS_MS = 4_000;

async function endSessions(tools: Tools, sessions: readonly Session[]): Promise<void> {
  await Promise.all(sessions.map((session) => endSession(tools, session)));
}

async function endSession(tools: Tools, { pppd, interface: name }: Session): Promise<void> {
  if (pppd === null) return;
  const linkGone = async () => name !== null && !(await tools.host.status(`/sys/class/net/${name}`)).ok;
  if (await endProcess(tools, pppd, PPP_GOODBYE_MS, linkGone)) return;
  await becomes(tools.clock, PPP_SCRIPTS_MS, () => hasEnded(tools.host, pppd));
}

/** From the inside out: PPP, L2TP, IPsec. The other way round, the rest of PPP would go out in clear text. */
async function tearDown(tools: Tools, scope: Scope, tunnels: readonly Tunnel[]): Promise<void> {
  const { sessions } = await readSessions(tools.host);
  const ours = sessions.filter((session) => isSessionIn(scope, session));
  if (ours.length > 0) await cut(tools, ours, planOf(scope));
  await endAll(tools, scope, ours, tunnels);
}

/** Ends the scope's sessions and tunnels in order, without any block. */
export async function endScope(tools: Tools, scope: Scope): Promise<void> {
  const { sessions } = await readSessions(tools.host);
  const ours = sessions.filter((session) => isSessionIn(scope, session));
  await endAll(tools, scope, ours, (await readTunnels(tools.host)) ?? []);
}

async function endAll(
  tools: Tools,
  scope: Scope,
  sessions: readonly Session[],
  tunnels: readonly Tunnel[],
): Promise<void> {
  await endSessions(tools, sessions);
  const managed = scope.profiles.filter(isManagersOwn);
  for (const profile of managed) await deactivate(tools, profile);
  const gateways = scope.all ? null : scope.gateways;
  for (const dialler of (await readSessions(tools.host)).diallers) await hangUp(tools, dialler, gateways);
  const left = managed.length > 0 ? ((await readTunnels(tools.host)) ?? []) : tunnels;
  for (const tunnel of left.filter((one) => isTunnelIn(scope, one))) await endTunnel(tools, tunnel);
}

function isManagersOwn({ backend, state }: SeenProfile): boolean {
  return backend === 'networkmanager' && state !== 'down' && state !== 'denied';
}

/** NetworkManager's own limit in seconds, and ours in milliseconds should it not answer at all. */
const NM_WAIT_S = '6';
const NM_TIMEOUT_MS = 8_000;

async function deactivate(tools: Tools, { id }: SeenProfile): Promise<void> {
  const argv = ['-w', NM_WAIT_S, 'connection', 'down', 'uuid', id];
  await act(tools, 'nmcli down', nmcli, argv, { timeoutMs: NM_TIMEOUT_MS });
}

/** Tunnels of others that were up and are gone. */
function collateral(scope: Scope, before: readonly Tunnel[], after: readonly Tunnel[]): string[] {
  const foreign = before.filter((tunnel) => tunnel.up && !isTunnelIn(scope, tunnel));
  const survived = new Set(after.filter(({ up }) => up).map(({ name }) => name));
  return foreign.map(({ name }) => name).filter((name) => !survived.has(name));
}

async function conclude(scope: Scope, outcome: Outcome, before: readonly Tunnel[]): Promise<VpnState> {
  const { held, isLeft, tunnels, host } = outcome;
  const problems = [
    ...scope.problems,
    ...scope.missing.map((name) => `There is no VPN profile ${name} here.`),
    ...(held.by === 'routing-rules' ? [`The block stands by routing rules: ${held.why}.`] : []),
  ];
  const seen = await look(host, { collateral: collateral(scope, before, tunnels), problems });
  if (held.by === 'nothing') throw failure(`The VPN is not blocked: ${held.why}.`, seen);
  if (seen.block !== 'holding') throw failure('The VPN is not blocked: the block is not in force.', seen);
  if (isLeft) throw failure('A VPN session could not be ended; its traffic is cut.', seen);
  return seen;
}

function failure(message: string, seen: VpnState): VpnFailure {
  return new VpnFailure(message, STATUS.failed, seen);
}
