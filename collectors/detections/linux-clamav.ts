import { tail } from '../../src/base/commands.ts';
import { iso } from '../../src/base/clock.ts';
import type { FileProblem, Host } from '../check.ts';
import type { Result } from '../../src/base/result.ts';
import { severityOf } from './linux-clamav-severity.ts';
import type { Detection, Source } from './linux-source.ts';

const NAME = 'ClamAV';

/** Debian and openSUSE, on-access scanning, Fedora and RHEL. */
const LOGS = ['/var/log/clamav/clamav.log', '/var/log/clamav/clamonacc.log', '/var/log/clamd.scan'];

/** One FOUND line. The path stays on this computer. */
export type Finding = { path: string; signature: string; at: string | null };

/** Null when ClamAV keeps no log here. */
export async function readClamav(host: Host): Promise<Source | null> {
  const logs = await Promise.all(LOGS.map(async (path) => ({ path, text: await readEnd(host, path) })));
  const present = logs.filter(({ text }) => text.ok || text.error !== 'missing');
  if (present.length === 0) return null;
  if (present.some(({ text }) => !text.ok)) return { name: NAME, found: null };
  const findings = present.flatMap(({ text }) => (text.ok ? parseClamLog(text.value) : []));
  return { name: NAME, found: await sortOut(host, present[0]?.path ?? '', newestOfEach(findings)) };
}

const TAIL_BYTES = 2 * 1024 * 1024;

/** A log too long to be read whole tells by its end what was found lately. */
async function readEnd(host: Host, path: string): Promise<Result<string, FileProblem>> {
  const whole = await host.readText(path);
  if (whole.ok || whole.error !== 'too-large') return whole;
  const { code, stdout } = await host.run(tail, ['-c', String(TAIL_BYTES), path]);
  return code === 0 ? { ok: true, value: stdout } : { ok: false, error: 'failed' };
}

/**
 * `DATE -> PATH: SIGNATURE(md5:size) FOUND`, with or without the date and the digest. A path may hold `: ` itself, a
 * signature may not. clamd writes its computer's local time without a zone; it is this computer's.
 */
export function parseClamLog(text: string): Finding[] {
  const line = /^(?:(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}) -> )?(.+): (\S+) FOUND$/;
  return text.split('\n').flatMap((raw) => {
    const [, date = '', path = '', found = ''] = line.exec(raw.slice(0, MAX_LINE).trimEnd()) ?? [];
    const signature = found.replace(/\([0-9a-f]{32,64}:\d+\)$/, '');
    if (path === '' || signature === '') return [];
    const at = Date.parse(date);
    return [{ path, signature, at: Number.isNaN(at) ? null : iso(at) }];
  });
}

/** A path has 4096 bytes at most. */
const MAX_LINE = 8_192;

/** The same file is found again by every scan. */
function newestOfEach(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [`${finding.path}\0${finding.signature}`, finding])).values()];
}

const MAX_FINDINGS = 1_000;

/**
 * ClamAV reports and removes nothing: a finding is over when its file is gone. Where not even the log's own status
 * can be told, neither can the file's, and every finding stays open.
 */
async function sortOut(
  host: Host,
  log: string,
  all: readonly Finding[],
): Promise<NonNullable<Source['found']>> {
  const findings = all.slice(-MAX_FINDINGS);
  if (!(await host.status(log)).ok) return { open: findings.map(detectionOf), closed: null };
  const gone = await Promise.all(findings.map(({ path }) => isGone(host, path)));
  const open = findings.filter((_, index) => !gone[index]);
  return { open: open.map(detectionOf), closed: findings.length - open.length };
}

/** What was scanned as a stream (`instream(…)`, `fd[…]`) has no path to look at. */
async function isGone(host: Host, path: string): Promise<boolean> {
  if (!path.startsWith('/')) return false;
  const status = await host.status(path);
  return !status.ok && status.error === 'missing';
}

function detectionOf({ signature, at }: Finding): Detection {
  return {
    source: NAME,
    id: null,
    name: signature.slice(0, 200),
    severity: severityOf(signature),
    status: 'open',
    executed: null,
    detectedAt: at,
  };
}
