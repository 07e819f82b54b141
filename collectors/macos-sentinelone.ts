import { macSentinelctl } from '../src/base/commands.ts';
import type { Host } from './check.ts';
import { linesOf, matchLine } from './macos-values.ts';

/** `sentinelctl status` by `Section/Key`, such as `Agent/Protection`. */
export type SentinelStatus = ReadonlyMap<string, string>;

export type Sentinel = { version: string | null; status: SentinelStatus | null };

/** Null when there is no agent. The status is for root; the version is for everyone. */
export async function readSentinel(host: Host): Promise<Sentinel | null> {
  const answer = await host.run(macSentinelctl, ['status']);
  const status = parseSentinelStatus(answer.stdout);
  if (status) return { version: status.get('Agent/Version') ?? null, status };
  const version = await host.run(macSentinelctl, ['version']);
  if (answer.failure === 'not-found' && version.failure === 'not-found') return null;
  return { version: parseSentinelVersion(version.stdout), status: null };
}

/** Section titles stand at the margin, `Key:   value` below them. Null without an `Agent` section. */
export function parseSentinelStatus(text: string): SentinelStatus | null {
  const values = new Map<string, string>();
  let section = '';
  for (const line of linesOf(text)) {
    const entry = /^\s+(\S[^:]*): *(.*?)\s*$/.exec(line);
    if (entry) values.set(`${section}/${entry[1]}`, entry[2] ?? '');
    else if (/^\S/.test(line)) section = line.trim();
  }
  return values.has('Agent/Version') || values.has('Agent/Protection') ? values : null;
}

export function parseSentinelVersion(text: string): string | null {
  return matchLine(text, /^SentinelOne (\d+(?:\.\d+)+)/)?.[1] ?? null;
}

/** The id that the console shows as UUID. */
export function sentinelId(status: SentinelStatus | null): string | null {
  return (
    /^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/.exec(status?.get('Agent/ID') ?? '')?.[0] ?? null
  );
}
