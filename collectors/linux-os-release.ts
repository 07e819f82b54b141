import { err, ok, type Result } from '../src/base/result.ts';
import type { FileProblem, Host } from './check.ts';

/** The assignments of os-release(5), by key. */
export type OsRelease = ReadonlyMap<string, string>;

const ASSIGNMENT = /^\s*([A-Z][A-Z0-9_]*)=(.*)$/;
const MAX_VALUE = 300;

/** `/etc/os-release`, or the vendor's copy where an administrator's is missing. */
export async function readOsRelease(host: Host): Promise<Result<OsRelease, FileProblem>> {
  const own = await host.readText('/etc/os-release');
  const text = own.ok || own.error !== 'missing' ? own : await host.readText('/usr/lib/os-release');
  return text.ok ? ok(parseOsRelease(text.value)) : err(text.error);
}

/** Lines that are no assignment are skipped; a key assigned twice keeps its last value, as in a shell. */
export function parseOsRelease(text: string): OsRelease {
  const pairs = text.split(/\r?\n/).map((line) => ASSIGNMENT.exec(line));
  return new Map(
    pairs.filter((match) => match !== null).map(([, key = '', raw = '']) => [key, unquote(raw.trim())]),
  );
}

/** The distribution and those it says it is like, nearest first: `['ubuntu', 'debian']`. */
export function families(release: OsRelease): string[] {
  const like = (release.get('ID_LIKE') ?? '').split(/\s+/);
  return [release.get('ID') ?? '', ...like].filter((name) => name !== '');
}

/** Quoting as in POSIX shell: single quotes are literal, a backslash escapes elsewhere. Spaces without quotes occur. */
function unquote(raw: string): string {
  let out = '';
  let quote = '';
  for (let index = 0; index < raw.length && out.length < MAX_VALUE; index += 1) {
    const char = raw[index] ?? '';
    if (quote !== "'" && char === '\\') {
      index += 1;
      out += raw[index] ?? '';
    } else if (quote === '' && (char === '"' || char === "'")) quote = char;
    else if (char === quote) quote = '';
    else out += char;
  }
  return out;
}
