import { ip, nft } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { asObject, asText, parseJson } from '../json.ts';
import type { Profile } from './profile.ts';

/** The agent's own nftables table, and the preference of its routing rules where there is no nftables. */
export const BLOCK_TABLE = 'drawbridge-vpn';
export const BLOCK_PREFERENCE = 1701;

/** Comments by which the rules that make the block are told apart from everything else in the table. */
export const NO_L2TP = 'no L2TP';
export const ALL_PROFILES = '*';

/** Whose connections the agent's own block stops. */
export type Block = { all: boolean; profiles: readonly string[]; gateways: readonly string[] };

/** The block in force, 'none', or 'unknown' where nobody may look. */
export async function readBlock(host: Host): Promise<Block | 'none' | 'unknown'> {
  const listed = await host.run(nft, ['list', 'table', 'inet', BLOCK_TABLE]);
  const byTable = listed.code === 0 ? parseTable(listed.stdout) : 'none';
  if (byTable !== 'none') return byTable;
  const rules = await host.run(ip, ['-j', 'rule', 'show']);
  const byRules = rules.code === 0 ? parseRules(rules.stdout) : 'none';
  if (byRules !== 'none') return byRules;
  return isSilent(listed) ? 'unknown' : 'none';
}

/** nft is there and neither showed the table nor said that there is none. */
function isSilent({ failure, code, stderr }: Awaited<ReturnType<Host['run']>>): boolean {
  return failure !== 'not-found' && code !== 0 && !/No such file or directory|not supported/i.test(stderr);
}

/** Our table, as `nft list table` prints it; a table that somebody has emptied is none. */
export function parseTable(text: string): Block | 'none' {
  const stops = new RegExp(`^.*udp dport 1701 .*drop comment "${NO_L2TP}"$`, 'm');
  if (!/hook output/.test(text) || !stops.test(text)) return 'none';
  const profiles = [...text.matchAll(/^\s*continue comment "([^"\n]{1,128})"$/gm)].map(
    ([, name = '']) => name,
  );
  const gateways = [...text.matchAll(/elements = \{([^}]*)\}/g)].flatMap(([, list = '']) =>
    list.split(',').map((one) => one.trim()),
  );
  return { all: profiles.includes(ALL_PROFILES), profiles, gateways };
}

/** Our routing rules in `ip -j rule show`: they lead L2TP nowhere, to one gateway or to all. */
export function parseRules(text: string): Block | 'none' {
  const all = parseJson(text);
  const own = (Array.isArray(all) ? all : [])
    .map(asObject)
    .filter((rule) => rule?.['priority'] === BLOCK_PREFERENCE && String(rule['dport']) === '1701');
  if (own.length === 0) return 'none';
  const gateways = own.map((rule) => asText(rule?.['dst']) ?? ALL_PROFILES);
  return { all: gateways.includes(ALL_PROFILES), profiles: [], gateways };
}

function isBlocked(block: Block, { id, name, gateway }: Profile): boolean {
  if (block.all || block.profiles.includes(id) || block.profiles.includes(name)) return true;
  return gateway !== null && block.gateways.includes(gateway);
}

/** A blocked profile without a link is denied, whatever its software is still trying; a link that lives is up. */
export function withBlock(profile: Profile, block: Block | 'none' | 'unknown'): Profile {
  if (typeof block === 'string' || !isBlocked(block, profile)) return profile;
  return profile.state === 'up' || profile.state === null ? profile : { ...profile, state: 'denied' };
}
