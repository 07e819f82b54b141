import { macMdatp } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { parseJson } from '../json.ts';
import { at, epochTimeOf, itemsOf, numberOf, textOf } from '../macos-values.ts';
import type { Detection, Source } from './macos-source.ts';

const NAME = 'Microsoft Defender';

/** Null when Defender is not installed. */
export async function readDefender(host: Host): Promise<Source | null> {
  const answer = await host.run(macMdatp, ['threat', 'list', '--output', 'json']);
  if (answer.failure === 'not-found') return null;
  return (answer.code === 0 ? parseThreatList(answer.stdout) : null) ?? { name: NAME, found: null };
}

/** The last word of a threat's history. A word that is not here leaves the threat open. */
const CLOSED = new Set(['removed', 'quarantined', 'cleaned', 'blocked', 'not_found']);
const ALLOWED = new Set(['allowed', 'restored']);

/**
 * `mdatp threat list --output json`: `threats.scans[].threats[]`, each a `threat` with its `history` of
 * `{ key: time, value: status }`. No capture of a Mac's own was at hand: any other shape is unreadable, not clean.
 */
export function parseThreatList(text: string): Source | null {
  const scans = at(parseJson(text), 'threats', 'scans');
  if (!Array.isArray(scans)) return null;
  const threats = scans.flatMap((scan: unknown) => itemsOf(at(scan, 'threats'))).map(readThreat);
  return {
    name: NAME,
    found: {
      open: threats.filter(({ status }) => !CLOSED.has(status)).map(openDetection),
      closed: threats.filter(({ status }) => CLOSED.has(status)).length,
    },
  };
}

type Threat = { id: string | null; name: string | null; status: string; firstSeenMs: number | null };

function readThreat(entry: unknown): Threat {
  const history = itemsOf(at(entry, 'history'))
    .map((step) => ({ at: numberOf(at(step, 'key')), status: textOf(at(step, 'value')) ?? '' }))
    .toSorted((a, b) => (a.at ?? 0) - (b.at ?? 0));
  return {
    id: textOf(at(entry, 'threat', 'tracking_id')),
    name: textOf(at(entry, 'threat', 'name')),
    status: history.at(-1)?.status.toLowerCase() ?? '',
    firstSeenMs: history[0]?.at ?? null,
  };
}

function openDetection({ id, name, status, firstSeenMs }: Threat): Detection {
  return {
    source: NAME,
    id,
    name,
    // The list states none.
    severity: 0,
    status: statusOf(status),
    executed: null,
    detectedAt: epochTimeOf(firstSeenMs),
  };
}

function statusOf(word: string): Detection['status'] {
  if (ALLOWED.has(word)) return 'allowed';
  return word.includes('fail') ? 'remediation-failed' : 'open';
}
