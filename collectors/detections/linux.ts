import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { readClamav } from './linux-clamav.ts';
import { readDefender } from './linux-defender.ts';
import type { Detections, Source } from './linux-source.ts';

const MAX_OPEN = 200;

/** The products that keep their findings on the computer itself; those of others are known to their own servers. */
export async function read(host: Host): Promise<Observed<Detections>> {
  const answers = await Promise.all([readDefender(host), readClamav(host)]);
  const sources = answers.filter((source) => source !== null);
  if (sources.length === 0) return unknown('not-installed', 'No antivirus here keeps a record of its own.');
  const open = sources.flatMap(({ found }) => found?.open ?? []);
  const closed = sources.filter(({ found }) => found === null);
  // Nothing open is only true when every record was looked at.
  if (open.length === 0 && closed.length > 0) return unreadable(host, closed);
  return known({
    sources: sources.map(({ name, found }) => ({ name, readable: found !== null })),
    // The worst first, should there be more than a report holds.
    open: open.toSorted((a, b) => b.severity - a.severity).slice(0, MAX_OPEN),
    recentClosed: sum(sources.map(({ found }) => found?.closed ?? null)),
  });
}

function unreadable(host: Host, sources: readonly Source[]): Observed<Detections> {
  const names = sources.map(({ name }) => name).join(', ');
  return host.isRoot
    ? unknown('failed', `The records of ${names} cannot be read.`)
    : unknown('denied', `The records of ${names} can be read by root only.`);
}

function sum(counts: readonly (number | null)[]): number | null {
  const known = counts.filter((count) => count !== null);
  return known.length === 0 ? null : known.reduce((total, count) => total + count, 0);
}
