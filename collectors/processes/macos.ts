import { known, type Observed } from '../../src/base/reading.ts';
import type { Host, WatchRule } from '../check.ts';
import { readProcessNames } from '../macos-processes.ts';
import { unanswered } from '../macos-read.ts';
import type { Fact } from '../specs.ts';

/** The list of what runs is looked through here and goes no further. */
export async function read(host: Host): Promise<Observed<Fact<'processes'>>> {
  if (host.questions.watch.length === 0) return known({ matches: [] });
  const names = await readProcessNames(host);
  if (!Array.isArray(names)) return unanswered('ps', names);
  return known({ matches: matchWatched(names, host.questions.watch) });
}

/** The system volume does not tell capitals apart, so a renamed program must not hide behind them. */
export function matchWatched(
  names: readonly string[],
  watch: readonly WatchRule[],
): Fact<'processes'>['matches'] {
  const running = Map.groupBy(names, (name) => name.toLowerCase());
  const rules = [...Map.groupBy(watch, ({ rule }) => rule)].map(([rule, watched]) => {
    const executables = new Set(watched.map(({ executable }) => executable.toLowerCase()));
    const counts = [...executables].map((executable) => running.get(executable)?.length ?? 0);
    return { rule, count: counts.reduce((sum, count) => sum + count, 0) };
  });
  return rules.filter(({ count }) => count > 0);
}
