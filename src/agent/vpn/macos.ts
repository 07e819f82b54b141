import { isIP } from 'node:net';
import { lookup as systemLookup } from 'node:dns/promises';
import type { Host } from '../../../collectors/check.ts';
import { read as readVpnClient } from '../../../collectors/vpn-client/macos.ts';
import { systemClock, type Clock } from '../../base/clock.ts';
import { profiles as profilesCommand, scutil } from '../../base/commands.ts';
import type { Logger } from '../../base/log.ts';
import { STATUS } from '../../wire/order.ts';
import { VpnFailure, type SeenProfile, type VpnDriver, type VpnState, type VpnWanted } from './driver.ts';
import { canonicalAddress } from './isolation.ts';
import {
  emptyAnchor,
  forgetConnections,
  loadAnchor,
  viewAnchor,
  type Anchor,
  type AnchorView,
} from './macos-pf.ts';
import { vpnRules, type PfTarget } from './macos-rules.ts';

export type MacosVpnOptions = {
  host: Host;
  log: Logger;
  clock?: Clock;
  /** All addresses of a name; rejects when it has none. */
  lookup?: (name: string) => Promise<readonly string[]>;
};

type Tools = Required<MacosVpnOptions>;

export const ANCHOR: Anchor = { name: 'com.apple/000.drawbridge-vpn', mark: 'dbv' };

/**
 * macOS' own L2TP client, by scutil and pf. Settings are read only: no documented command writes them. Never yet run
 * on a real Mac by us.
 */
export function macosVpn(options: MacosVpnOptions): VpnDriver {
  const tools: Tools = { clock: systemClock, lookup: lookupAll, ...options };
  return {
    inspect: () => look(tools.host),
    apply: (want) => apply(tools, want),
    // Nothing is ever changed but the block, and that stays.
    restore: async () => {},
  };
}

async function lookupAll(name: string): Promise<string[]> {
  return (await systemLookup(name, { all: true })).map(({ address }) => address);
}

function apply(tools: Tools, want: VpnWanted): Promise<VpnState> {
  switch (want.state) {
    case 'denied':
      return deny(tools, want.profiles);
    case 'allowed':
      return allow(tools);
    case 'set':
      return refuseSet(tools, want.profile.name);
  }
}

async function refuseSet({ host }: Tools, name: string): Promise<never> {
  const seen = await look(host);
  if (seen.profiles.some((one) => one.name === name && one.scope === 'managed'))
    throw new VpnFailure('Device management owns this connection: change it there', STATUS.refused, seen);
  const how = 'macOS has no documented command that sets an L2TP connection: deploy a configuration profile';
  throw new VpnFailure(how, STATUS.notImplemented, seen);
}

/** Milliseconds in which a session ends, once it was told to. */
const PATIENCE_MS = 5_000;
const POLL_MS = 50;

/** Cut first: L2TP as such needs no look at all. Then what is known of the profiles, then the orderly end. */
async function deny(tools: Tools, scope: readonly string[] | null): Promise<VpnState> {
  const { host, lookup } = tools;
  if (scope === null) await loadAnchor(host, ANCHOR, vpnRules([], true));
  const targets = (await quickProfiles(host)).filter((one) => isInScope(one, scope));
  if (scope !== null && targets.length === 0)
    throw new VpnFailure(
      `There is no VPN connection ${scope.join(', ')}.`,
      STATUS.notFound,
      await look(host),
    );
  const blocked = await Promise.all(targets.map((one) => targetOf(one, lookup)));
  const problem = await loadAnchor(host, ANCHOR, vpnRules(blocked, scope === null));
  const addresses = [
    ...blocked.flatMap(({ gateways }) => gateways),
    ...targets.flatMap(({ address }) => address ?? []),
  ];
  for (const address of addresses.filter((one) => isIP(one) !== 0)) await forgetConnections(host, address);
  await hangUp(tools, targets);
  const seen = await look(host);
  const unresolved = targets.filter((_, index) => blocked[index]?.gateways.length === 0);
  const problems = [
    ...(problem === null ? [] : [problem]),
    ...(seen.block === 'holding' ? [] : ['the block does not hold', ...seen.problems]),
    ...unresolved.map(
      ({ name }) => `the gateway of ${name} has no address now, so it cannot be blocked by itself`,
    ),
    ...stillUp(seen, scope).map(({ name }) => `${name} is still connected`),
  ];
  // Where L2TP to anybody is blocked, a gateway without an address is no way out.
  const serious = scope === null ? problems.filter((one) => !one.startsWith('the gateway of ')) : problems;
  if (serious.length > 0) throw new VpnFailure(serious.join('; '), STATUS.failed, seen);
  return seen;
}

async function targetOf(profile: SeenProfile, lookup: Tools['lookup']): Promise<PfTarget> {
  return {
    id: profile.id,
    gateways: await gatewaysOf(profile.gateway, lookup),
    interface: profile.state === 'up' ? profile.interface : null,
  };
}

const MAX_ADDRESSES = 16;

async function gatewaysOf(gateway: string | null, lookup: Tools['lookup']): Promise<string[]> {
  if (gateway === null) return [];
  const found = isIP(gateway) === 0 ? await lookup(gateway).catch(() => []) : [gateway];
  return found
    .filter((one) => isIP(one) !== 0 && !one.includes('%'))
    .slice(0, MAX_ADDRESSES)
    .map(canonicalAddress);
}

async function hangUp({ host, clock, log }: Tools, targets: readonly SeenProfile[]): Promise<void> {
  for (const { id, state } of targets) {
    if (state === 'down' || !isServiceId(id)) continue;
    const { code } = await host.run(scutil, ['--nc', 'stop', id], { timeoutMs: PATIENCE_MS });
    if (code !== 0) log.info({ id, code }, 'scutil could not stop a connection');
  }
  const end = clock.monotonic() + PATIENCE_MS;
  const ids = targets.map(({ id }) => id);
  while (clock.monotonic() < end) {
    const live = (await quickProfiles(host)).filter(({ id, state }) => ids.includes(id) && isLive(state));
    if (live.length === 0) return;
    await clock.sleep(POLL_MS);
  }
}

/** A name could be somebody's option, and several services can have the same. */
function isServiceId(id: string): boolean {
  return /^[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}$/i.test(id);
}

async function allow({ host }: Tools): Promise<VpnState> {
  const problem = await emptyAnchor(host, ANCHOR);
  const seen = await look(host);
  if (problem !== null || seen.block !== 'none')
    throw new VpnFailure(
      [problem ?? 'whether the block is gone could not be seen', ...seen.problems].join('; '),
      STATUS.failed,
      seen,
    );
  return seen;
}

/** Without asking who installed them, which takes a second. */
async function quickProfiles(host: Host): Promise<SeenProfile[]> {
  const run: Host['run'] = async (command, argv, options) =>
    command.path === profilesCommand.path
      ? { stdout: '', stderr: '', code: null, failure: 'not-found' }
      : host.run(command, argv, options);
  const client = await readVpnClient({ ...host, run });
  return client.state === 'known' ? client.fact.profiles : [];
}

async function look(host: Host): Promise<VpnState> {
  const view = await viewAnchor(host, ANCHOR);
  const client = await readVpnClient(host);
  const { block, problems } = blockIn(view);
  const profiles = client.state === 'known' ? client.fact.profiles : [];
  return {
    profiles: profiles.map((one) =>
      block === 'holding' && !isLive(one.state) && isDenied(one, view) ? { ...one, state: 'denied' } : one,
    ),
    block,
    interfaces: profiles.flatMap(({ state, interface: name }) =>
      state === 'up' && name !== null ? [name] : [],
    ),
    collateral: [],
    problems: [...(client.state === 'known' ? [] : [`VPN connections: ${client.detail}`]), ...problems],
  };
}

function blockIn({ abouts, whole, token, problems }: AnchorView): Pick<VpnState, 'block' | 'problems'> {
  const unseen = problems.filter((one) => one.startsWith('pfctl: '));
  if (unseen.length > 0) return { block: 'unknown', problems: unseen };
  if (abouts.length === 0 && token === null) return { block: 'none', problems: [] };
  if (problems.length > 0) return { block: 'none', problems };
  return whole
    ? { block: 'holding', problems: [] }
    : { block: 'none', problems: ['some of our pf rules are gone'] };
}

function isDenied({ id }: SeenProfile, { abouts }: AnchorView): boolean {
  return abouts.includes('all') || abouts.includes(id);
}

function isLive(state: SeenProfile['state']): boolean {
  return state === 'up' || state === 'connecting';
}

function stillUp({ profiles }: VpnState, scope: readonly string[] | null): SeenProfile[] {
  return profiles.filter((one) => isInScope(one, scope) && isLive(one.state));
}

function isInScope({ name, id }: SeenProfile, scope: readonly string[] | null): boolean {
  return scope === null || scope.includes(name) || scope.includes(id);
}
