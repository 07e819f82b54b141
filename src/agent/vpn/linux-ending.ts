import { nmcli } from '../../base/commands.ts';
import type { SeenProfile } from './driver.ts';
import { hangUp } from './linux-dialler.ts';
import { endTunnel, readTunnels, type Tunnel } from './linux-ike.ts';
import { endProcess, hasEnded, listProcesses } from './linux-processes.ts';
import { isSessionIn, isTunnelIn, type Scope } from './linux-scope.ts';
import { readSessions, type Live, type Session } from './linux-sessions.ts';
import { act, becomes, type Tools } from './linux-tools.ts';

/** pppd says goodbye to its peer (0.25 s with one that answers); it has this many milliseconds. */
const PPP_GOODBYE_MS = 2_500;

/** Milliseconds for its scripts, which put back what they changed: killing it would leave the tunnel's DNS behind. */
const PPP_SCRIPTS_MS = 4_000;

/** Sessions that are over, whose pppd may still be busy with its scripts: `gone` resolves when that is over, too. */
export type Leaving = { gone: Promise<unknown> };

/** Resolves once PPP has said goodbye and the links are away. */
export async function hangUpSessions(tools: Tools, sessions: readonly Session[]): Promise<Leaving> {
  const scripts = await Promise.all(sessions.map((session) => endSession(tools, session)));
  return { gone: Promise.all(scripts.map((running) => running())) };
}

/** Resolves once nothing of them is left. */
export async function endSessions(tools: Tools, sessions: readonly Session[]): Promise<void> {
  const { gone } = await hangUpSessions(tools, sessions);
  await gone;
}

async function nothing(): Promise<void> {}

/** Answers with what waits for the scripts. */
async function endSession(tools: Tools, { pppd, interface: name }: Session): Promise<() => Promise<unknown>> {
  if (pppd === null) return nothing;
  const linkGone = async () => name !== null && !(await tools.host.status(`/sys/class/net/${name}`)).ok;
  if (await endProcess(tools, pppd, PPP_GOODBYE_MS, linkGone)) return nothing;
  return () => becomes(tools.clock, PPP_SCRIPTS_MS, () => hasEnded(tools.host, pppd));
}

/** Milliseconds that strongSwan's end may take after the plugin has asked for it. */
const IKE_GONE_MS = 500;

/**
 * NetworkManager's plugin ends all of strongSwan, and does not wait for it. A daemon that is going answers nobody any
 * more, and to find that out takes more programs than to wait.
 */
export async function untilIkeIsGone(tools: Tools): Promise<void> {
  const daemons = (await listProcesses(tools.host)).filter(({ name }) => STRONGSWAN.has(name));
  const haveEnded = async () =>
    (await Promise.all(daemons.map((one) => hasEnded(tools.host, one)))).every(Boolean);
  await becomes(tools.clock, IKE_GONE_MS, haveEnded);
}

const STRONGSWAN = new Set(['charon', 'starter']);

/** Ends the scope's sessions and tunnels in order, without any block. */
export async function endScope(tools: Tools, scope: Scope): Promise<void> {
  const live = await readSessions(tools.host);
  const sessions = live.sessions.filter((session) => isSessionIn(scope, session));
  const tunnels = (await readTunnels(tools.host)) ?? [];
  await endTunnels(tools, await endInside(tools, scope, { ...live, sessions }, tunnels));
}

/**
 * From the inside out: PPP, L2TP, IPsec. The other way round, the rest of PPP would go out in clear text. This ends what
 * runs inside of IPsec, and answers with the tunnels that are to end then.
 */
export async function endInside(
  tools: Tools,
  scope: Scope,
  { sessions, diallers }: Live,
  tunnels: readonly Tunnel[],
): Promise<Tunnel[]> {
  await endSessions(tools, sessions);
  const managed = scope.profiles.filter(isManagersOwn).map(({ id }) => id);
  await deactivate(tools, managed);
  const gateways = scope.all ? null : scope.gateways;
  const isChanged = sessions.length > 0 || managed.length > 0;
  const left = isChanged ? (await readSessions(tools.host)).diallers : diallers;
  for (const dialler of left) await hangUp(tools, dialler, gateways);
  const current = managed.length > 0 ? ((await readTunnels(tools.host)) ?? []) : tunnels;
  return current.filter((one) => isTunnelIn(scope, one));
}

export async function endTunnels(tools: Tools, tunnels: readonly Tunnel[]): Promise<void> {
  for (const tunnel of tunnels) await endTunnel(tools, tunnel);
}

function isManagersOwn({ backend, state }: SeenProfile): boolean {
  return backend === 'networkmanager' && state !== 'down' && state !== 'denied';
}

/** NetworkManager's own limit in seconds, and ours in milliseconds should it not answer at all. */
const NM_WAIT_S = '6';
const NM_TIMEOUT_MS = 8_000;

/** `ids`: UUIDs of connections. */
export async function deactivate(tools: Tools, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const argv = ['-w', NM_WAIT_S, 'connection', 'down', 'uuid', id];
    await act(tools, 'nmcli down', nmcli, argv, { timeoutMs: NM_TIMEOUT_MS });
  }
}
