import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import type { Fact } from '../specs.ts';
import { readFirewalld, zoneDefault } from './linux-firewalld.ts';
import { ipFamilies, realInterfaces } from './linux-interfaces.ts';
import { isBlocked, type Chain, type Family, type Packet } from './linux-packet.ts';
import { readRules, type RulesInForce } from './linux-rules.ts';
import { readUfw } from './linux-ufw.ts';

type Firewall = Fact<'firewall'>;

const NAMES: Record<Family, string> = { ip: 'ipv4', ip6: 'ipv6' };

/** Judged by the rules in force; what ufw and firewalld say of themselves counts only where no tool lists the rules. */
export async function read(host: Host): Promise<Observed<Firewall>> {
  const families = await ipFamilies(host);
  const rules = await readRules(host, families);
  const judged = rules === null || 'why' in rules ? rules : await judgeWhole(host, rules, families);
  // Others than root may be shown a part; rules that block are no fewer for that.
  if (!host.isRoot && !(judged?.state === 'known' && judged.fact.state === 'on')) return DENIED;
  return (
    judged ?? (await fromManagers(host)) ?? unknown('not-installed', 'No tool here lists firewall rules.')
  );
}

const DENIED = unknown('denied', 'The rules in force can be listed by root only.');

async function judgeWhole(
  host: Host,
  rules: RulesInForce,
  families: readonly Family[],
): Promise<Observed<Firewall>> {
  const unlisted = families
    .filter((family) => !rules.families.includes(family))
    .map((family) => NAMES[family]);
  if (unlisted.length > 0) {
    return unknown('not-installed', `No tool here lists the rules of ${unlisted.join(', ')}.`);
  }
  return known(judge(rules, families, await realInterfaces(host, rules.interfaces)));
}

/** One profile a family, and one for each interface that is let in although the family's default is to block. */
export function judge(
  rules: RulesInForce,
  families: readonly Family[],
  interfaces: readonly string[],
): Firewall {
  const profiles = families.flatMap((family) => {
    const blocked = blocksOn(rules.chains, family, '');
    const open = interfaces.filter((name) => blocksOn(rules.chains, family, name) !== blocked);
    return [
      profile(NAMES[family], blocked),
      ...open.map((name) => profile(`${NAMES[family]} ${name}`, !blocked)),
    ].slice(0, MAX_PROFILES);
  });
  const closed = profiles.filter((one) => one.inboundDefault === 'block').length;
  return {
    state: closed === profiles.length ? 'on' : closed === 0 ? 'off' : 'partial',
    inboundDefault: closed === profiles.length ? 'block' : 'allow',
    managedBy: managerOf(rules.chains),
    profiles,
    stealth: null,
  };
}

const MAX_PROFILES = 10;

function profile(name: string, blocked: boolean): Firewall['profiles'][number] {
  return { name, enabled: blocked, inboundDefault: blocked ? 'block' : 'allow' };
}

/** The empty name stands for every interface that no rule names. */
function blocksOn(chains: readonly Chain[], family: Family, name: string): boolean {
  const packets: Packet[] = (['tcp', 'udp'] as const).map((protocol) => ({
    family,
    protocol,
    interface: name,
  }));
  return packets.every((packet) => isBlocked(chains, packet));
}

function managerOf(chains: readonly Chain[]): string | null {
  if (chains.some(({ table }) => /(^| )firewalld/.test(table))) return 'firewalld';
  if (chains.some(({ name }) => name.startsWith('ufw-'))) return 'ufw';
  const filters = chains.filter(
    (chain) => chain.hook !== null && (chain.rules.length > 0 || chain.policy === 'drop'),
  );
  if (filters.length === 0) return null;
  return filters.every(({ table, name }) => table.endsWith(' filter') && name === 'INPUT')
    ? 'iptables'
    : 'nftables';
}

async function fromManagers(host: Host): Promise<Observed<Firewall> | null> {
  const ufw = await readUfw(host);
  if (ufw?.active) return known(stated('ufw', ufw.inbound));
  const firewalld = await readFirewalld(host);
  if (firewalld?.running) return known(stated('firewalld', zoneDefault(firewalld.zones)));
  return ufw || firewalld ? known(stated(null, 'allow')) : null;
}

/** A manager speaks for both families. One that runs without saying its default is at best partly a firewall. */
function stated(managedBy: string | null, inboundDefault: Firewall['inboundDefault']): Firewall {
  const state = inboundDefault === null ? 'partial' : inboundDefault === 'block' ? 'on' : 'off';
  return { state, inboundDefault, managedBy, profiles: [], stealth: null };
}
