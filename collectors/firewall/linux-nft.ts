import { asList, asObject, asText, parseJson, type JsonObject } from '../json.ts';
import { conditionOf, keyOf, type Sets } from './linux-nft-match.ts';
import type { Chain, Family, Rule, Verdict } from './linux-packet.ts';

/** Every chain that `nft -j list ruleset` prints and is in force. */
export type NftRules = {
  chains: Chain[];
  interfaces: string[];
  /** Tables of iptables-nft whose matches nft cannot print (`xt`); their own tools can. */
  opaque: Family[];
};

const FAMILIES: Record<string, readonly Family[]> = { ip: ['ip'], ip6: ['ip6'], inet: ['ip', 'ip6'] };

/**
 * Null when the text is not nft's JSON. Tables of other families (netdev, bridge, arp) filter one device or another
 * layer and cannot be the default for what reaches this computer; a dormant table is not in force.
 */
export function parseNftRuleset(text: string): NftRules | null {
  const entries = asObject(parseJson(text))?.['nftables'];
  if (!Array.isArray(entries)) return null;
  const of = (kind: string) => objectsOf(entries, kind);
  const dormant = new Set(of('table').filter(isDormant).map(tableOf));
  const rulesets = collectRules(of('rule'), collectSets([...of('set'), ...of('map')]));
  const chains = of('chain')
    .filter((chain) => FAMILIES[String(chain['family'])] !== undefined)
    .filter((chain) => !dormant.has(`${chain['family']} ${chain['table']}`))
    .map((chain) => chainOf(chain, rulesets.byChain));
  const opaque = (['ip', 'ip6'] as const).filter((family) => rulesets.opaque.has(`${family} filter`));
  return { chains, interfaces: [...rulesets.interfaces], opaque };
}

function objectsOf(entries: readonly unknown[], kind: string): JsonObject[] {
  return entries.map((entry) => asObject(asObject(entry)?.[kind])).filter((one) => one !== null);
}

/** One flag is a string, several are a list. */
function isDormant(table: JsonObject): boolean {
  const flags = table['flags'];
  return flags === 'dormant' || asList(flags).includes('dormant');
}

function tableOf(table: JsonObject): string {
  return `${table['family']} ${table['name']}`;
}

function collectSets(objects: readonly JsonObject[]): Map<string, Sets> {
  const byTable = new Map<string, Sets>();
  for (const one of objects) {
    const table = `${one['family']} ${one['table']}`;
    const sets = new Map(byTable.get(table));
    byTable.set(table, sets.set(`@${one['name']}`, asList(one['elem'])));
  }
  return byTable;
}

type Collected = { byChain: Map<string, Rule[]>; interfaces: Set<string>; opaque: Set<string> };

function collectRules(rules: readonly JsonObject[], sets: Map<string, Sets>): Collected {
  const byChain = new Map<string, Rule[]>();
  const interfaces = new Set<string>();
  const opaque = new Set<string>();
  for (const rule of rules) {
    const table = `${rule['family']} ${rule['table']}`;
    const expressions = asList(rule['expr'])
      .map(asObject)
      .filter((one) => one !== null);
    if (expressions.some(isOpaqueMatch)) opaque.add(table);
    const known = sets.get(table) ?? new Map();
    for (const name of expressions.flatMap((one) => interfacesOf(one, known))) interfaces.add(name);
    const chain = `${table} ${rule['chain']}`;
    byChain.set(chain, [...(byChain.get(chain) ?? []), ruleOf(expressions, known)]);
  }
  return { byChain, interfaces, opaque };
}

function chainOf(chain: JsonObject, rules: Map<string, Rule[]>): Chain {
  const table = `${chain['family']} ${chain['table']}`;
  const { hook, type } = chain;
  // NAT chains see the packet too, but cannot be its filter.
  const filters = type === 'filter' && (hook === 'input' || hook === 'prerouting');
  return {
    table,
    name: String(chain['name']),
    families: FAMILIES[String(chain['family'])] ?? [],
    hook: filters ? hook : null,
    policy: chain['policy'] === 'drop' ? 'drop' : 'accept',
    rules: rules.get(`${table} ${chain['name']}`) ?? [],
  };
}

function ruleOf(expressions: readonly JsonObject[], sets: Sets): Rule {
  const verdict = expressions.map(verdictOf).find((one) => one !== null) ?? null;
  const conditions = expressions.map((one) => conditionOf(one, sets)).filter((one) => one !== null);
  const opaque = expressions.some(isOpaqueMatch);
  const lookup = expressions.map((one) => lookupOf(one, sets)).find((one) => one !== null);
  return (packet) => {
    if (!conditions.every((holds) => holds(packet))) return null;
    if (opaque) return verdict === 'return' ? 'perhaps-return' : null;
    return lookup ? lookup(packet) : verdict;
  };
}

/** An extension of iptables that nft shows by its name alone. */
function isOpaqueMatch(expression: JsonObject): boolean {
  return asObject(expression['xt'])?.['type'] === 'match';
}

function verdictOf(expression: JsonObject): Verdict | null {
  if ('accept' in expression || 'queue' in expression) return 'accept';
  if ('drop' in expression || 'reject' in expression) return 'drop';
  if ('return' in expression) return 'return';
  const target = asObject(expression['xt']);
  if (target?.['type'] === 'target') return target['name'] === 'REJECT' ? 'drop' : null;
  return callOf(expression);
}

function callOf(expression: JsonObject): Verdict | null {
  const jump = asText(asObject(expression['jump'])?.['target']);
  if (jump !== null) return { jump };
  const goto = asText(asObject(expression['goto'])?.['target']);
  return goto === null ? null : { goto };
}

/** A verdict map: the packet's own value of the key chooses the verdict. */
function lookupOf(expression: JsonObject, sets: Sets): Rule | null {
  const vmap = asObject(expression['vmap']);
  if (!vmap) return null;
  const key = keyOf(vmap['key']);
  const elements = mapElements(vmap['data'], sets);
  return (packet) => {
    if (key === null) return null;
    const chosen = elements.find(([pattern]) => key.equals(pattern, packet));
    const verdict = asObject(chosen?.[1]);
    return verdict ? verdictOf(verdict) : null;
  };
}

function mapElements(data: unknown, sets: Sets): [unknown, unknown][] {
  const elements = typeof data === 'string' ? (sets.get(data) ?? []) : asList(asObject(data)?.['set']);
  return elements.map((element) => {
    const [pattern, verdict] = asList(element);
    return [pattern, verdict];
  });
}

function interfacesOf(expression: JsonObject, sets: Sets): string[] {
  const match = asObject(expression['match']);
  const vmap = asObject(expression['vmap']);
  if (match && keyOf(match['left'])?.isInterface)
    return keyOf(match['left'])?.names(match['right'], sets) ?? [];
  if (vmap && keyOf(vmap['key'])?.isInterface) {
    return mapElements(vmap['data'], sets)
      .map(([pattern]) => asText(pattern))
      .filter((name) => name !== null);
  }
  return [];
}
