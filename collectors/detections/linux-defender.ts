import { mdatp } from '../../src/base/commands.ts';
import { iso } from '../../src/base/clock.ts';
import type { Host } from '../check.ts';
import { asList, asObject, asText, parseJson, type JsonObject } from '../json.ts';
import type { Detection, Source } from './linux-source.ts';

const NAME = 'Microsoft Defender for Endpoint';

/** Null when Defender is not here. */
export async function readDefender(host: Host): Promise<Source | null> {
  const { failure, code, stdout } = await host.run(mdatp, ['threat', 'list', '--output', 'json']);
  if (failure === 'not-found') return null;
  return { name: NAME, found: code === 0 ? parseThreatList(stdout) : null };
}

/** Every threat of every scan with the last thing that became of it; null when the text is not that. */
export function parseThreatList(text: string): NonNullable<Source['found']> | null {
  const scans = asObject(asObject(parseJson(text))?.['threats'])?.['scans'];
  if (!Array.isArray(scans)) return null;
  const threats = scans
    .flatMap((scan) => asList(asObject(scan)?.['threats']))
    .map(asObject)
    .filter((threat) => threat !== null);
  const open = threats.flatMap((threat) => detectionOf(threat) ?? []);
  return { open, closed: threats.length - open.length };
}

/** What Defender has dealt with. */
const CLOSED = /^(removed|quarantined|cleaned|blocked|remediated)$/i;

function detectionOf(entry: JsonObject): Detection | null {
  const threat = asObject(entry['threat']);
  const events = historyOf(entry);
  const last = events.at(-1)?.status ?? '';
  if (CLOSED.test(last)) return null;
  return {
    source: NAME,
    id: asText(threat?.['tracking_id']),
    name: asText(threat?.['name']),
    severity: severityOf(threat),
    status: /fail/i.test(last)
      ? 'remediation-failed'
      : /^(allowed|restored)$/i.test(last)
        ? 'allowed'
        : 'open',
    executed: null,
    detectedAt: events[0]?.at ?? null,
  };
}

/** Status changes, oldest first: the key is a time in milliseconds since the epoch. */
function historyOf(entry: JsonObject): { at: string | null; status: string }[] {
  return asList(entry['history'])
    .map(asObject)
    .filter((event) => event !== null)
    .map((event) => ({ ms: Number(event['key']), status: asText(event['value']) ?? '' }))
    .toSorted((a, b) => a.ms - b.ms)
    .map(({ ms, status }) => ({ at: ms > 1e11 && ms < 1e14 ? iso(ms) : null, status }));
}

const SEVERITIES: Record<string, number> = {
  informational: 1,
  low: 2,
  medium: 3,
  moderate: 3,
  high: 4,
  severe: 5,
};

function severityOf(threat: JsonObject | null): number {
  const word = asText(threat?.['severity'])?.toLowerCase() ?? '';
  return Object.hasOwn(SEVERITIES, word) ? (SEVERITIES[word] ?? 0) : 0;
}
