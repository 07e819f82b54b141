import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host, WatchRule } from '../check.ts';
import type { Fact } from '../specs.ts';

type Processes = Fact<'processes'>;

/** The two names of a process: what it calls itself (15 bytes at most), and its executable's base name. */
type Names = { comm: string; executable: string };

const MAX_PROCESSES = 20_000;

/** Looks at nothing unless the policy watches for something, and reports nothing but what it watches for. */
export async function read(host: Host): Promise<Observed<Processes>> {
  const { watch } = host.questions;
  if (watch.length === 0) return known({ matches: [] });
  const entries = await host.list('/proc');
  if (!entries.ok)
    return unknown(entries.error === 'denied' ? 'denied' : 'failed', '/proc cannot be listed.');
  const ids = entries.value.filter((name) => /^\d+$/.test(name)).slice(0, MAX_PROCESSES);
  // With hidepid a user sees their own processes alone.
  if (!ids.includes('1')) return unknown('denied', '/proc hides the processes of others.');
  const running = await Promise.all(ids.map((id) => namesOf(host, id)));
  return known({ matches: countMatches(watch, running) });
}

async function namesOf(host: Host, id: string): Promise<Names> {
  const [comm, target] = await Promise.all([
    host.readText(`/proc/${id}/comm`),
    host.readLink(`/proc/${id}/exe`),
  ]);
  return {
    comm: comm.ok ? comm.value.trimEnd() : '',
    executable: target.ok ? baseName(target.value) : '',
  };
}

/** The kernel marks an executable that was replaced or removed under a running process. */
function baseName(target: string): string {
  return target.replace(/ \(deleted\)$/, '').replace(/^.*\//s, '');
}

/** Rules with at least one running process; a rule may name several executables, a process counts once for it. */
export function countMatches(watch: readonly WatchRule[], running: readonly Names[]): Processes['matches'] {
  const rules = Map.groupBy(watch, ({ rule }) => rule);
  return [...rules]
    .map(([rule, watched]) => {
      const names = new Set(watched.map(({ executable }) => executable));
      const matching = running.filter(({ comm, executable }) => names.has(comm) || names.has(executable));
      return { rule, count: matching.length };
    })
    .filter(({ count }) => count > 0)
    .slice(0, MAX_MATCHES);
}

const MAX_MATCHES = 200;
