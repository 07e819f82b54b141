import type { ProbeLookup } from '../../../collectors/windows-cycle.ts';
import { STATUS } from '../../wire/order.ts';
import {
  checkedReach,
  IsolationFailure,
  reachOfText,
  sameReach,
  sortedReach,
  textOfReach,
  type Isolation,
  type IsolationHost,
  type IsolationState,
  type Reachable,
} from './isolation.ts';
import { isolationRules } from './isolation-windows-rules.ts';
import { isWhole, numbered, viewFirewall, type BlockRule } from './windows-firewall.ts';
import { takeSteps } from './windows-powershell.ts';
import { newGeneration, problemIn } from './windows-tools.ts';

export const GROUP = 'Drawbridge isolation';

const FILES = ['src/agent/vpn/windows-firewall.ps1', 'src/agent/vpn/isolation-windows.ps1'] as const;
const PROBES = ['blocked', 'lifted', 'firewall'] as const;

/** By rules of Windows Firewall in a group of our own. Never yet run on a real Windows by us. */
export function windowsIsolation(host: IsolationHost, generation: () => string = newGeneration): Isolation {
  const take = (want: Record<string, unknown>) =>
    takeSteps(host, { files: FILES, probes: PROBES, want: { group: GROUP, ...want } });
  return {
    inspect: async () => stateIn(await take({})),
    async apply(want) {
      const reach = checkedReach(want);
      const lookup = await take({ rules: rulesFor(reach, generation()) });
      const seen = stateIn(lookup);
      const problem = problemIn(lookup, 'blocked');
      if (problem === null && seen.state === 'isolated' && sameReach(seen.reach, reach)) return seen;
      throw new IsolationFailure([problem ?? 'the rules do not hold', ...seen.problems].join('; '), seen);
    },
    async lift() {
      const lookup = await take({ lift: true });
      const seen = stateIn(lookup);
      const problem = problemIn(lookup, 'lifted');
      if (problem === null && seen.state === 'none') return seen;
      throw new IsolationFailure([problem ?? 'the rules are still there', ...seen.problems].join('; '), seen);
    },
  };
}

/** Characters of a rule's description that we use. */
const CHUNK = 1_000;

/** Who is reachable stands in the descriptions of the rules, one piece in each. */
function rulesFor(reach: readonly Reachable[], generation: string): BlockRule[] {
  const rules = numbered(GROUP, generation, isolationRules(reach));
  const text = sortedReach(reach).map(textOfReach).join(';');
  if (text.length > CHUNK * rules.length)
    throw new IsolationFailure(
      'more hosts are to stay reachable than our rules can name',
      null,
      STATUS.malformed,
    );
  return rules.map((rule, index) => ({
    ...rule,
    description: text.slice(index * CHUNK, (index + 1) * CHUNK),
  }));
}

function stateIn(lookup: ProbeLookup): IsolationState {
  const view = viewFirewall(lookup);
  if (typeof view === 'string') return { state: 'unknown', reach: [], problems: [view] };
  if (view.rules.length === 0) return { state: 'none', reach: [], problems: [] };
  const texts = view.rules
    .map(({ name, description }) => ({ place: Number(/ (\d+)\/\d+$/.exec(name)?.[1] ?? 0), description }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ description }) => description)
    .join('')
    .split(';')
    .filter((text) => text !== '');
  const reach = texts.map(reachOfText);
  const problems = [
    ...view.problems,
    ...(isWhole(view) ? [] : ['some of our firewall rules are gone or were switched off']),
    ...(reach.includes(null) ? ['a description of our firewall rules was changed'] : []),
  ];
  return {
    state: problems.length === 0 ? 'isolated' : 'unknown',
    reach: sortedReach(reach.filter((one) => one !== null)),
    problems,
  };
}
