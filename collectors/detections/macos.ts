import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { readFalcon } from '../macos-falcon.ts';
import { readSentinel, type SentinelStatus } from '../macos-sentinelone.ts';
import type { Fact } from '../specs.ts';
import { readDefender } from './macos-defender.ts';
import type { Detection, Source } from './macos-source.ts';

const MAX_OPEN = 200;

/**
 * XProtect keeps no list of what it found but the system's log, whose form changes between releases, so on a Mac
 * without another product there is nothing to ask.
 */
export async function read(host: Host): Promise<Observed<Fact<'detections'>>> {
  const all = await Promise.all([readDefender(host), readSentinelOne(host), readCrowdStrike(host)]);
  const sources = all.filter((source) => source !== null);
  if (sources.length === 0) {
    return unknown('not-applicable', 'No product is installed that keeps a list of what it found.');
  }
  const found = sources.flatMap((source) => source.found ?? []);
  if (found.length === 0) {
    return unknown(
      'unsupported',
      `${sources.map(({ name }) => name).join(', ')}: no readable list of detections`,
    );
  }
  const closed = found.map((one) => one.closed).filter((count) => count !== null);
  return known({
    sources: sources.map(({ name, found }) => ({ name, readable: found !== null })),
    open: found.flatMap((one) => one.open).slice(0, MAX_OPEN),
    recentClosed: closed.length === 0 ? null : closed.reduce((sum, count) => sum + count, 0),
  });
}

const SENTINEL = 'SentinelOne';

/** SentinelOne states on the Mac only whether something is still active; what it is, its console knows. */
async function readSentinelOne(host: Host): Promise<Source | null> {
  const sentinel = await readSentinel(host);
  return sentinel && { name: SENTINEL, found: sentinel.status && parseInfected(sentinel.status) };
}

export function parseInfected(status: SentinelStatus): Source['found'] {
  const infected = status.get('Agent/Infected');
  if (infected === 'no') return { open: [], closed: null };
  return infected === 'yes' ? { open: [UNNAMED], closed: null } : null;
}

const UNNAMED: Detection = {
  source: SENTINEL,
  id: null,
  name: null,
  severity: 0,
  status: 'open',
  executed: null,
  detectedAt: null,
};

/** CrowdStrike keeps its detections in the cloud. */
async function readCrowdStrike(host: Host): Promise<Source | null> {
  return (await readFalcon(host)) && { name: 'CrowdStrike Falcon', found: null };
}
