import { z } from 'zod';
import type { Host } from '../../../collectors/check.ts';
import { read as readVpnClient } from '../../../collectors/vpn-client/windows.ts';
import type { ProbeLookup } from '../../../collectors/windows-cycle.ts';
import { askExtraRows, askRows } from '../../../collectors/windows-probe.ts';
import { flag, listOf, text } from '../../../collectors/windows-values.ts';
import { parseJson } from '../../base/json.ts';
import type { SeenProfile, VpnState } from './driver.ts';
import { isWhole, viewFirewall, type FirewallView } from './windows-firewall.ts';

export const GROUP = 'Drawbridge VPN';

/** Script files and probes with which every process ends: what is there now. */
export const LOOKING = {
  files: [
    'src/agent/vpn/windows-managed.ps1',
    'collectors/vpn-client/windows.ps1',
    'src/agent/vpn/windows-inspect.ps1',
  ],
  probes: ['managed', 'vpnConnections', 'phonebooks', 'rasParameters', 'sessions', 'firewall'],
} as const;

const session = z.object({ name: text, up: flag, addresses: listOf(text) });
const managed = z.object({ InstanceID: text });

type Session = z.output<typeof session>;

/** Who is denied, as a rule's description keeps it: names, null for everybody, undefined where it does not say. */
export type DeniedScope = readonly string[] | null | undefined;

export function describeScope(profiles: readonly string[] | null): string {
  return `denied: ${JSON.stringify(profiles)}`;
}

/** What one process saw, put together. */
export async function stateFrom(host: Host, lookup: ProbeLookup): Promise<VpnState> {
  const asked: Host = { ...host, run: host.run, probe: async (name) => lookup(name) };
  const client = await readVpnClient(asked);
  const sessions = await askRows(asked, 'sessions', session);
  const firewall = viewFirewall(lookup);
  const { block, scope, problems } = blockIn(firewall);
  const owned = (await askExtraRows(asked, 'managed', managed)).flatMap(({ InstanceID: id }) => namesOf(id));
  const live = sessions.ok ? sessions.value : null;
  const profiles = client.state === 'known' ? client.fact.profiles : [];
  return {
    profiles: profiles.map((one) =>
      seenAs(one, { live, owned, scope: block === 'holding' ? scope : undefined }),
    ),
    block,
    interfaces: (live ?? []).filter(isUpIn(profiles)).map(({ name }) => name ?? ''),
    collateral: [],
    problems: [
      ...(client.state === 'known' ? [] : [`VPN connections: ${client.detail}`]),
      ...(sessions.ok ? [] : [`live connections: ${sessions.error.detail}`]),
      ...problems,
    ],
  };
}

function isUpIn(profiles: readonly SeenProfile[]): (session: Session) => boolean {
  return ({ name, up }) => up !== false && profiles.some((one) => one.name === name);
}

type Seeing = { live: readonly Session[] | null; owned: readonly string[]; scope: DeniedScope };

function seenAs(profile: SeenProfile, { live, owned, scope }: Seeing): SeenProfile {
  const session = live?.find(({ name, up }) => name === profile.name && up !== false);
  const own: SeenProfile = owned.includes(profile.name) ? { ...profile, scope: 'managed' } : profile;
  if (session !== undefined)
    return { ...own, state: 'up', interface: session.name, address: session.addresses?.[0] ?? null };
  if (isInScope(profile, scope)) return { ...own, state: 'denied' };
  return own.state === null && live !== null ? { ...own, state: 'down' } : own;
}

export function isInScope({ name, id }: Pick<SeenProfile, 'name' | 'id'>, scope: DeniedScope): boolean {
  return scope === null || (scope !== undefined && (scope.includes(name) || scope.includes(id)));
}

/** Device management escapes the names of its connections as URLs do. */
function namesOf(id: string | null): string[] {
  if (id === null) return [];
  try {
    return [id, decodeURIComponent(id)];
  } catch {
    return [id];
  }
}

function blockIn(view: FirewallView | string): Pick<VpnState, 'block' | 'problems'> & { scope: DeniedScope } {
  if (typeof view === 'string') return { block: 'unknown', problems: [view], scope: undefined };
  if (view.rules.length === 0) return { block: 'none', problems: [], scope: undefined };
  const scope = scopeIn(view);
  if (view.problems.length > 0) return { block: 'none', problems: view.problems, scope };
  if (isWhole(view)) return { block: 'holding', problems: [], scope };
  return { block: 'none', problems: ['some of our firewall rules are gone or were switched off'], scope };
}

const scopeShape = z.array(z.string()).nullable();

function scopeIn({ rules }: FirewallView): DeniedScope {
  const [, written = ''] =
    rules.map(({ description }) => /^denied: (.*)$/.exec(description)).find((one) => one) ?? [];
  return scopeShape.safeParse(parseJson(written)).data;
}
