/** How one packet fares in a set of rules, whichever tool printed them. */

export type Family = 'ip' | 'ip6';

/** The first packet of a connection that nobody here asked for, from anywhere to a port that no rule names. */
export type Packet = { family: Family; protocol: 'tcp' | 'udp'; interface: string };

/**
 * `perhaps-return`: the rule returns when a match holds that the tool does not print (`xt` in nft's JSON).
 * Jumps and gotos name a chain of the same table.
 */
export type Verdict = 'accept' | 'drop' | 'return' | 'perhaps-return' | { jump: string } | { goto: string };

/** What a rule does with a packet; null when it does not match or only counts and logs. */
export type Rule = (packet: Packet) => Verdict | null;

export type Chain = {
  /** Chains call each other within one table only. */
  table: string;
  name: string;
  families: readonly Family[];
  /** Where the kernel calls it by itself; null for a chain that only others call. */
  hook: 'prerouting' | 'input' | null;
  policy: 'accept' | 'drop';
  rules: readonly Rule[];
};

type Fate = 'accept' | 'drop' | null;

/** The kernel allows 16 nested jumps; a deeper ruleset cannot be loaded. */
const MAX_DEPTH = 16;

/** True when some base chain drops the packet; an accept only ends the chain in which it stands. */
export function isBlocked(chains: readonly Chain[], packet: Packet): boolean {
  const walk = createWalk(chains, packet);
  return chains.some((chain) => {
    if (chain.hook === null || !chain.families.includes(packet.family)) return false;
    return (walk(chain, 0) ?? chain.policy) === 'drop';
  });
}

function createWalk(chains: readonly Chain[], packet: Packet): (chain: Chain, depth: number) => Fate {
  const byName = new Map(chains.map((chain) => [`${chain.table} ${chain.name}`, chain]));
  const fates = new Map<Chain, Fate>();

  const walk = (chain: Chain, depth: number): Fate => {
    const known = fates.get(chain);
    if (known !== undefined) return known;
    const fate = depth > MAX_DEPTH ? null : follow(chain, 0, depth);
    fates.set(chain, fate);
    return fate;
  };

  const call = (chain: Chain, name: string, depth: number): Fate => {
    const target = byName.get(`${chain.table} ${name}`);
    return target ? walk(target, depth + 1) : null;
  };

  const follow = (chain: Chain, from: number, depth: number): Fate => {
    for (let index = from; index < chain.rules.length; index += 1) {
      const verdict = chain.rules[index]?.(packet) ?? null;
      if (verdict === null) continue;
      if (verdict === 'accept' || verdict === 'drop') return verdict;
      if (verdict === 'return') return null;
      if (verdict === 'perhaps-return') return moreOpen(follow(chain, index + 1, depth));
      if ('goto' in verdict) return call(chain, verdict.goto, depth);
      const fate = call(chain, verdict.jump, depth);
      if (fate !== null) return fate;
    }
    return null;
  };

  return walk;
}

/** Of returning and of going on, what lets more in: a rule that may not apply never closes anything. */
function moreOpen(goingOn: Fate): Fate {
  return goingOn === 'accept' ? 'accept' : null;
}

/** `wl*` stands for every interface whose name begins so. */
export function namesInterface(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
