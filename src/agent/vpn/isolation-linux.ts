import { nft } from '../../base/commands.ts';
import type { Output } from '../../base/exec.ts';
import {
  checkedReach,
  IsolationFailure,
  sameReach,
  sortedReach,
  type Isolation,
  type IsolationHost,
  type IsolationState,
} from './isolation.ts';
import { parseTable, removal, ruleset, TABLE } from './isolation-nft.ts';

const TIMEOUT_MS = 10_000;

/** A table of our own in the kernel's packet filter: what other tables accept, it drops all the same. */
export function linuxIsolation(host: IsolationHost): Isolation {
  return {
    inspect: () => inspect(host),
    async apply(want) {
      const reach = checkedReach(want);
      await load(host, ruleset(reach));
      const seen = await inspect(host);
      if (seen.state === 'isolated' && sameReach(seen.reach, reach)) return seen;
      throw new IsolationFailure(`the rules were loaded but do not hold: ${said(seen)}`, seen);
    },
    async lift() {
      const before = await inspect(host);
      if (before.state === 'none') return before;
      await load(host, removal());
      const seen = await inspect(host);
      if (seen.state === 'none') return seen;
      throw new IsolationFailure(`the rules are still there: ${said(seen)}`, seen);
    },
  };
}

/** All of it in one transaction of the kernel, or nothing. */
async function load(host: IsolationHost, text: string): Promise<void> {
  const output = await host.run(nft, ['-f', '-'], { stdin: text, timeoutMs: TIMEOUT_MS });
  if (output.code !== 0) throw new IsolationFailure(problemOf(output), await inspect(host));
}

async function inspect(host: IsolationHost): Promise<IsolationState> {
  const tables = await host.run(nft, ['-j', 'list', 'tables'], { timeoutMs: TIMEOUT_MS });
  if (tables.code !== 0) return { state: 'unknown', reach: [], problems: [problemOf(tables)] };
  if (!tables.stdout.includes(`"${TABLE}"`)) return { state: 'none', reach: [], problems: [] };
  const table = await host.run(nft, ['-j', 'list', 'table', 'inet', TABLE], { timeoutMs: TIMEOUT_MS });
  if (table.code !== 0) return { state: 'unknown', reach: [], problems: [problemOf(table)] };
  const { reach, problems } = parseTable(table.stdout);
  return { state: problems.length === 0 ? 'isolated' : 'unknown', reach: sortedReach(reach), problems };
}

function problemOf({ failure, stderr, code }: Output): string {
  if (failure === 'not-found') return 'nft is not installed: install the package nftables';
  const line = stderr.trim().split('\n')[0] ?? '';
  return `nft: ${failure ?? (line || `exit ${code}`)}`.slice(0, 300);
}

function said({ state, problems }: IsolationState): string {
  return [state, ...problems].join('; ');
}
