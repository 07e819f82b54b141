import { iso } from '../../src/base/clock.ts';
import type { Host } from '../check.ts';
import { latest, modifiedAt } from './linux-fact.ts';

/** When repository metadata was last fetched or confirmed, and when its publisher made it. */
export type Freshness = { lastCheckedAt: string | null; metadataAt: string | null };

/**
 * From the repomd.xml of every cached repository. The newest counts: a repository that is never published again (a
 * release's own) says nothing about how old the knowledge of updates is.
 */
export async function readFreshness(host: Host, files: readonly string[]): Promise<Freshness> {
  const [times, revisions] = await Promise.all([
    Promise.all(files.map((file) => modifiedAt(host, file))),
    Promise.all(files.map((file) => readRevision(host, file))),
  ]);
  return { lastCheckedAt: latest(times), metadataAt: latest(revisions) };
}

async function readRevision(host: Host, file: string): Promise<string | null> {
  const text = await host.readText(file);
  return text.ok ? parseRevision(text.value) : null;
}

/** createrepo writes the time of its run, in seconds, as `<revision>`; some publishers write a counter. */
export function parseRevision(xml: string): string | null {
  const seconds = Number(/<revision>\s*(\d{9,10})\s*<\/revision>/.exec(xml.slice(0, 4_000))?.[1]);
  return seconds > 946_684_800 ? iso(seconds * 1_000) : null;
}
