import {
  ip6tablesLegacySave,
  ip6tablesSave,
  iptablesLegacySave,
  iptablesSave,
  nft,
} from '../../src/base/commands.ts';
import { unknown, type Unknown } from '../../src/base/reading.ts';
import type { Host, Output } from '../check.ts';
import { parseIptablesSave, type SavedRules } from './linux-iptables.ts';
import { parseNftRuleset, type NftRules } from './linux-nft.ts';
import type { Chain, Family } from './linux-packet.ts';

/** The rules in force, for the families whose rules could be listed. */
export type RulesInForce = { chains: Chain[]; interfaces: string[]; families: Family[] };

type NoRules = Omit<Unknown, 'at'>;

const TOOLS = {
  ip: { save: iptablesSave, legacySave: iptablesLegacySave, legacyNames: '/proc/net/ip_tables_names' },
  ip6: { save: ip6tablesSave, legacySave: ip6tablesLegacySave, legacyNames: '/proc/net/ip6_tables_names' },
} as const;

/** From nftables and from iptables-legacy, which nft cannot see; null when no tool here lists rules. */
export async function readRules(
  host: Host,
  families: readonly Family[],
): Promise<RulesInForce | NoRules | null> {
  const modern = (await readNft(host)) ?? (await readSaves(host, families));
  if (modern === null || 'why' in modern) return modern;
  const rules: RulesInForce = { ...modern };
  for (const family of families) {
    const legacy = await readLegacy(host, family);
    if (legacy === 'unlisted' && !rules.families.includes(family)) return UNLISTED;
    if (legacy === 'unlisted') rules.families = rules.families.filter((one) => one !== family);
    else add(rules, legacy);
  }
  return rules;
}

const UNLISTED = unknown('not-installed', 'iptables-legacy tables are loaded, but no tool here lists them.');

async function readNft(host: Host): Promise<RulesInForce | NoRules | null> {
  const output = await listRuleset(host);
  if (output.failure === 'timeout') return unknown('timeout', 'nft did not answer in time.');
  if (output.code !== 0) return null;
  const rules = parseNftRuleset(output.stdout);
  if (!rules) return unknown('unparsable', 'nft printed something that is not its JSON.');
  return withTranslated(host, rules);
}

/** Sets of many thousand addresses are left out of a second answer when the first is too long. */
async function listRuleset(host: Host): Promise<Output> {
  const whole = await host.run(nft, ['-j', 'list', 'ruleset']);
  return whole.failure === 'flood' ? host.run(nft, ['-j', '-t', 'list', 'ruleset']) : whole;
}

/** Where nft shows matches of iptables-nft by name alone, iptables' own words take their place. */
async function withTranslated(
  host: Host,
  { chains, interfaces, opaque }: NftRules,
): Promise<RulesInForce | NoRules> {
  const rules: RulesInForce = { chains, interfaces, families: ['ip', 'ip6'] };
  for (const family of opaque) {
    const table = `${family} filter`;
    const saved = await readSave(host, family, table);
    if (saved === null) continue;
    if (saved === 'unparsable')
      return unknown('unparsable', `iptables-save does not show the table ${table}.`);
    rules.chains = rules.chains.filter((chain) => chain.table !== table);
    add(rules, saved);
  }
  return rules;
}

/** Systems that have no nft command: iptables alone, old or new. */
async function readSaves(host: Host, families: readonly Family[]): Promise<RulesInForce | null> {
  const rules: RulesInForce = { chains: [], interfaces: [], families: [] };
  for (const family of families) {
    const saved = await readSave(host, family, `${family} filter`);
    if (saved === null || saved === 'unparsable') continue;
    rules.families.push(family);
    add(rules, saved);
  }
  return rules.families.length > 0 ? rules : null;
}

/** Null when the tool is not here or fails. */
async function readSave(
  host: Host,
  family: Family,
  table: string,
): Promise<SavedRules | 'unparsable' | null> {
  const { code, stdout } = await host.run(TOOLS[family].save, []);
  return code === 0 ? (parseIptablesSave(stdout, family, table) ?? 'unparsable') : null;
}

/** The kernel names the legacy tables that are loaded; `unlisted` when there is one that we cannot look into. */
async function readLegacy(host: Host, family: Family): Promise<SavedRules | 'unlisted' | null> {
  const names = await host.readText(TOOLS[family].legacyNames);
  if (!names.ok || !names.value.split('\n').includes('filter')) return null;
  const { code, stdout } = await host.run(TOOLS[family].legacySave, []);
  const saved = code === 0 ? parseIptablesSave(stdout, family, `legacy ${family} filter`) : null;
  return saved ?? 'unlisted';
}

function add(rules: RulesInForce, more: SavedRules | null): void {
  if (!more) return;
  rules.chains = [...rules.chains, ...more.chains];
  rules.interfaces = [...rules.interfaces, ...more.interfaces];
}
