import { z } from 'zod';
import type { ProbeLookup } from '../../../collectors/windows-cycle.ts';
import { failureOf } from '../../../collectors/windows-probe.ts';
import { flag, integer, isObject, property, unrolled } from '../../../collectors/windows-values.ts';

/** Numbers as INetFwRule has them: inbound and outbound, and IP protocols (256: any). */
export const DIRECTION = { in: 1, out: 2 } as const;
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, esp: 50, icmp6: 58, any: 256 } as const;

/** A rule that blocks. Lists are comma-separated, as INetFwRule takes them; one that is left out means any. */
export type BlockRule = {
  name: string;
  description?: string;
  direction: (typeof DIRECTION)[keyof typeof DIRECTION];
  protocol: (typeof PROTOCOL)[keyof typeof PROTOCOL];
  localAddresses?: string;
  remoteAddresses?: string;
  localPorts?: string;
  remotePorts?: string;
  /** `8:*`: echo requests. */
  icmp?: string;
};

/** A rule's own part of it; where it goes in a set gives it its name. */
export type Blocking = Omit<BlockRule, 'name' | 'description'>;

/**
 * Names each rule `<group> <generation> <number>/<count>`: the generation, so that new rules stand before those of an
 * earlier order go; the count, so that one that somebody removed is missed.
 */
export function numbered(group: string, generation: string, rules: readonly Blocking[]): BlockRule[] {
  return rules.map((rule, index) => ({
    name: `${group} ${generation} ${index + 1}/${rules.length}`,
    ...rule,
  }));
}

const MAX_DESCRIPTION = 4_000;
const longText = property((value) => (typeof value === 'string' ? value.slice(0, MAX_DESCRIPTION) : null));

const seenRule = z.object({
  Name: longText,
  Description: longText,
  Direction: integer,
  Protocol: integer,
  Action: integer,
  Enabled: flag,
});
const seenProfile = z.object({ profile: integer, current: flag, enabled: flag });

type SeenRule = z.output<typeof seenRule>;

export type FirewallView = {
  /** Ours, as they are in the local policy. */
  rules: { name: string; description: string; blocks: boolean }[];
  /** Why they have no effect or it could not be seen; empty when they have. */
  problems: string[];
  /** Numbers of the profiles in which the firewall is off. */
  off: number[];
};

const NETWORKS: Readonly<Record<number, string>> = { 1: 'domain', 2: 'private', 4: 'public' };

/** INetFwPolicy2.LocalPolicyModifyState: the policy of a domain does not merge with local rules. */
const GROUP_POLICY = 1;

/** What the probe `firewall` says. Null when it could not be seen, with the reason. */
export function viewFirewall(lookup: ProbeLookup): FirewallView | string {
  const answer = lookup('firewall');
  if (answer?.ok !== true)
    return answer === null
      ? 'Windows Firewall was not asked'
      : `Windows Firewall: ${failureOf('firewall', answer).detail}`;
  const data = answer.data;
  if (!isObject(data)) return 'Windows Firewall gave no answer that this version reads';
  const profiles = rowsOf(data['profiles']).map((row) => seenProfile.parse(row));
  const off = profiles.filter(({ enabled }) => enabled === false);
  return {
    rules: rowsOf(data['rules']).map((row) => viewOf(seenRule.parse(row))),
    problems: [
      ...(integer.parse(data['modifyState']) === GROUP_POLICY
        ? [
            'Group Policy does not let local firewall rules take effect: allow them there, or deploy ours with it',
          ]
        : []),
      ...off
        .filter(({ current }) => current !== false)
        .map(
          ({ profile }) =>
            `Windows Firewall is off for ${NETWORKS[profile ?? 0] ?? 'these'} networks: turn it on`,
        ),
      ...(profiles.length < 3 || profiles.some(({ enabled }) => enabled === null)
        ? ['whether Windows Firewall is on could not be seen']
        : []),
    ],
    off: off.flatMap(({ profile }) => profile ?? []),
  };
}

function rowsOf(value: unknown): Record<string, unknown>[] {
  return (unrolled(value) ?? []).filter(isObject).slice(0, 1_000);
}

function viewOf({ Name, Description, Action, Enabled }: SeenRule): FirewallView['rules'][number] {
  return { name: Name ?? '', description: Description ?? '', blocks: Action === 0 && Enabled === true };
}

/** Whether every set that `numbered` named is there whole and blocks, all of one generation, and there is one. */
export function isWhole({ rules }: FirewallView): boolean {
  const numbers = rules.flatMap(({ name, blocks }) => {
    const [, set = '', generation = '', count] = /^(.*?(\S+)) \d{1,4}\/(\d{1,4})$/.exec(name) ?? [];
    return count === undefined ? [] : [{ set, generation, count: Number(count), blocks }];
  });
  const sets = Map.groupBy(numbers, ({ set }) => set);
  const isComplete = [...sets.values()].every(
    (set) => set.every(({ blocks }) => blocks) && set.length === set[0]?.count,
  );
  return sets.size > 0 && isComplete && new Set(numbers.map(({ generation }) => generation)).size === 1;
}
