import { tasklist } from '../../src/base/commands.ts';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host, WatchRule } from '../check.ts';
import type { Fact } from '../specs.ts';

type Processes = Fact<'processes'>;

export async function read(host: Host): Promise<Observed<Processes>> {
  const { watch } = host.questions;
  if (watch.length === 0) return known({ matches: [] });
  const { code, failure, stdout } = await host.run(tasklist, ['/FO', 'CSV', '/NH']);
  if (failure !== null) return unknown(failure === 'timeout' ? 'timeout' : 'failed', `tasklist: ${failure}`);
  if (code !== 0) return unknown('failed', `tasklist: exit ${code}`);
  const images = parseTasklist(stdout);
  if (images.length === 0) return unknown('unparsable', 'tasklist: no process in its list');
  return known({ matches: matchesOf(images, watch) });
}

const MAX_LINES = 50_000;

/** Image names of `tasklist /FO CSV /NH`: the first of five quoted columns. The other columns are localized. */
export function parseTasklist(text: string): string[] {
  return text.split(/\r?\n/, MAX_LINES).flatMap((line) => /^"([^"]{1,300})","\d+",/.exec(line)?.[1] ?? []);
}

/** Windows does not tell upper case from lower, and a rule may leave the extension out. */
function matchesOf(images: readonly string[], watch: readonly WatchRule[]): Processes['matches'] {
  const counts = new Map<string, number>();
  for (const image of images) counts.set(withExtension(image), (counts.get(withExtension(image)) ?? 0) + 1);
  const matches = [...Map.groupBy(watch, ({ rule }) => rule)].map(([rule, watched]) => {
    const executables = new Set(watched.map(({ executable }) => withExtension(executable)));
    return { rule, count: [...executables].reduce((sum, one) => sum + (counts.get(one) ?? 0), 0) };
  });
  return matches.filter(({ count }) => count > 0).slice(0, 200);
}

function withExtension(executable: string): string {
  const name = executable.toLowerCase();
  return /\.[a-z]{3}$/.test(name) ? name : `${name}.exe`;
}
