import { z } from 'zod';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import type { Fact } from '../specs.ts';
import { askExtraRows, askRows } from '../windows-probe.ts';
import { numbered, text } from '../windows-values.ts';

type Firewall = Fact<'firewall'>;
type Profile = Firewall['profiles'][number];

/** 2 is NotConfigured, which the store of policies in force never says; a single policy's store does. */
const gpoBoolean = numbered({ False: 0, True: 1, NotConfigured: 2 });

const firewallProfile = z.object({
  Name: text,
  Enabled: gpoBoolean,
  DefaultInboundAction: numbered({ NotConfigured: 0, Allow: 2, Block: 4 }),
});

const service = z.object({ Name: text, State: text });

export async function read(host: Host): Promise<Observed<Firewall>> {
  const rows = await askRows(host, 'firewallProfiles', firewallProfile);
  if (!rows.ok) return rows.error;
  const services = await askExtraRows(host, 'services', service);
  return judge(rows.value.slice(0, 20).map(toProfile), isStopped(services));
}

/** Without the firewall's own service its settings are not in force. A list without it says nothing. */
function isStopped(services: readonly z.output<typeof service>[]): boolean {
  return services.some(
    (one) => one.Name?.toLowerCase() === 'mpssvc' && one.State?.toLowerCase() !== 'running',
  );
}

function toProfile(row: z.output<typeof firewallProfile>, index: number): Profile {
  return {
    name: row.Name ?? `profile-${index + 1}`,
    enabled: row.Enabled === 1 ? true : row.Enabled === 0 ? false : null,
    inboundDefault: INBOUND.get(row.DefaultInboundAction) ?? null,
  };
}

/** Not configured means the default, and the default blocks what comes in. */
const INBOUND: ReadonlyMap<number | null, 'block' | 'allow'> = new Map([
  [0, 'block'],
  [2, 'allow'],
  [4, 'block'],
]);

/** Domain, Private and Public: a machine is on one of them, and may be on another within the minute. */
const ALL_PROFILES = ['domain', 'private', 'public'];

function judge(profiles: Profile[], stopped: boolean): Observed<Firewall> {
  if (profiles.every((profile) => profile.enabled === null))
    return unknown('unparsable', 'firewallProfiles: no profile says whether it is enabled');
  const names = new Set(profiles.map((profile) => profile.name.toLowerCase()));
  const complete = ALL_PROFILES.every((name) => names.has(name));
  const open = profiles.map((profile) => stopped || isOpen(profile));
  return known({
    state: stateOf(open, complete),
    inboundDefault: stopped ? 'allow' : commonInbound(profiles),
    managedBy: null,
    profiles,
    stealth: null,
  });
}

/** Null for a profile that does not say whether it is on. */
function isOpen({ enabled, inboundDefault }: Profile): boolean | null {
  if (enabled === null) return null;
  return !enabled || inboundDefault === 'allow';
}

/** `on` takes all three profiles: what is not listed, or does not answer, may stand open. */
function stateOf(open: readonly (boolean | null)[], complete: boolean): Firewall['state'] {
  if (open.every((one) => one === true)) return 'off';
  return complete && open.every((one) => one === false) ? 'on' : 'partial';
}

/** What happens on every profile alike; null where they differ or do not say. */
function commonInbound(profiles: readonly Profile[]): Firewall['inboundDefault'] {
  const effective = new Set(profiles.map((one) => (one.enabled === false ? 'allow' : one.inboundDefault)));
  const [first = null] = effective;
  return effective.size === 1 ? first : null;
}
