import { z } from 'zod';
import { parseJson } from '../json.ts';

/** A package without its version: one entry, however many advisories or versions name it. */
type PackageName = string;

/** Longer words are no packages, and patterns take too long over them. */
const MAX_WORD = 300;

const PACKAGE = /^([A-Za-z0-9][\w.+~-]*\.[a-z0-9_]+)$/;

/**
 * `check-update` (dnf 4, yum) and `check-upgrade` (dnf 5): three columns, name.arch, version, repository. A long name
 * stands alone and its other columns follow on the next line. What obsoletes other packages is listed apart, after a
 * heading, and is in the list above already.
 */
export function parseCheckUpdate(text: string): PackageName[] {
  const names = new Set<string>();
  let wrapped: string | undefined;
  for (const line of text.split('\n')) {
    if (/^Obsoleting /i.test(line)) break;
    const columns = line.trim().split(/\s+/);
    const name = PACKAGE.exec(columns[0]?.slice(0, MAX_WORD) ?? '')?.[1];
    if (name !== undefined && columns.length === 3) names.add(name);
    else if (wrapped !== undefined && columns.length === 2) names.add(wrapped);
    wrapped = name !== undefined && columns.length === 1 ? name : undefined;
  }
  return [...names];
}

/** Name-epoch:version-release.arch, as advisories name packages. */
const NEVRA = /^([A-Za-z0-9][\w.+~-]*)-(?:\d+:)?[^-:\s]+-[^-:\s]+\.([a-z0-9_]+)$/;

export type Advisories = { any: boolean; security: PackageName[] };

/**
 * `updateinfo list`: `ADVISORY Important/Sec. NEVRA` in dnf 4 and yum, and columns Name, Type, Severity, Package,
 * Issued in dnf 5. Null when there are words, but no package among them.
 */
export function parseAdvisories(text: string): Advisories | null {
  const rows = text.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const name = words.map(nameOf).find((found) => found !== null);
    return name === undefined || name === null ? [] : [{ name, security: words.some(isSecurityType) }];
  });
  const isEmpty = text.trim() === '' || /^Name\s+Type\s.*$/.test(text.trim());
  return rows.length > 0 || isEmpty ? gather(rows) : null;
}

/** `Important/Sec.`, `security` (no severity given). */
function isSecurityType(word: string): boolean {
  return word.toLowerCase() === 'security' || word.endsWith('/Sec.');
}

const listing = z.array(z.object({ nevra: z.string(), advisory_type: z.string() })).max(100_000);

/** `dnf5 advisory list --json`; null when it is something else. */
export function parseAdvisoriesJson(text: string): Advisories | null {
  const parsed = listing.safeParse(parseJson(text));
  if (!parsed.success) return null;
  return gather(
    parsed.data.flatMap(({ nevra, advisory_type: type }) => {
      const name = nameOf(nevra);
      return name === null ? [] : [{ name, security: type.toLowerCase() === 'security' }];
    }),
  );
}

function nameOf(nevra: string): PackageName | null {
  if (nevra.length > MAX_WORD) return null;
  const [, name, arch] = NEVRA.exec(nevra) ?? [];
  return name === undefined || arch === undefined ? null : `${name}.${arch}`;
}

function gather(rows: readonly { name: PackageName; security: boolean }[]): Advisories {
  const security = rows.filter((row) => row.security).map(({ name }) => name);
  return { any: rows.length > 0, security: [...new Set(security)] };
}

/**
 * `needs-restarting -r`. Exit 1 also means that the plug-in is missing, so that only the sentence proves a reboot;
 * null when it says neither.
 */
export function parseNeedsRestarting(text: string): boolean | null {
  if (/^[ \t]*Reboot is required\b/m.test(text)) return true;
  return /^[ \t]*Reboot should not be necessary\b/m.test(text) ? false : null;
}
