import { z } from 'zod';
import { parseJson } from '../base/json.ts';
import { err, ok, type Result } from '../base/result.ts';
import { compareNumbered } from '../base/version-numbers.ts';
import type { Baseline, LinuxRelease, MacosRelease } from '../policy/baseline.ts';

/*
 * Public feeds of releases, read into a baseline's sections. Each is somebody else's file: what is not understood is
 * left out, and a file in which nothing is understood is an error, never an empty section.
 */

type Macos = NonNullable<Baseline['macos']>;
type Linux = NonNullable<Baseline['linux']>;
type Antivirus = NonNullable<Baseline['antivirus']>;

const DAY = /^\d{4}-\d{2}-\d{2}/;
const dayOf = (text: string): string | null => DAY.exec(text)?.[0] ?? null;

const sofaRelease = z.object({ ProductVersion: z.string(), ReleaseDate: z.string() });
const sofaFeed = z.object({
  LastCheck: z.string().optional(),
  OSVersions: z
    .array(
      z.object({
        OSVersion: z.string(),
        Latest: z.unknown(),
        SecurityReleases: z.array(z.unknown()).default([]),
      }),
    )
    .max(100),
  XProtectPlistConfigData: z.unknown().optional(),
});

/**
 * SOFA's `macos_data_feed.json`, in its first or second version. Only the second says when it was made; for the first
 * one `asOf` has to.
 */
export function fromSofa(
  text: string,
  asOf: string | null,
): Result<{ macos: Macos; antivirus: Antivirus | null }, string> {
  const feed = sofaFeed.safeParse(parseJson(text));
  if (!feed.success) return err('is not SOFA’s macos_data_feed.json');
  const made = dayOf(feed.data.LastCheck ?? '') ?? asOf;
  if (made === null) return err('does not say when it was made; say so with --as-of');
  const releases = feed.data.OSVersions.flatMap(({ OSVersion, Latest, SecurityReleases }) =>
    macosRelease(OSVersion, [Latest, ...SecurityReleases]),
  );
  if (releases.length === 0) return err('names no release of macOS');
  return ok({
    macos: { asOf: made, releases },
    antivirus: xprotect(feed.data.XProtectPlistConfigData, made),
  });
}

/** Named "Sequoia 15" or "macOS 26": the number is what counts. */
function macosRelease(name: string, listed: readonly unknown[]): MacosRelease[] {
  const major = Number(/(\d{1,3})$/.exec(name)?.[1]);
  const releases = listed.flatMap((one) => {
    const { data } = sofaRelease.safeParse(one);
    const date = dayOf(data?.ReleaseDate ?? '');
    const version = /^\d{1,10}(?:\.\d{1,10}){0,5}(?: ?\([a-z]\))?$/.exec(data?.ProductVersion ?? '')?.[0];
    return date === null || version === undefined ? [] : [{ version, date }];
  });
  const own = uniqueBy(releases, ({ version }) => version).filter(
    ({ version }) => Number(version.split('.')[0]) === major,
  );
  if (own.length === 0) return [];
  const ordered = own.toSorted((a, b) => compareNumbered(b.version, a.version));
  return [{ major, name, endOfSupport: null, releases: ordered.slice(0, 300) }];
}

function xprotect(data: unknown, asOf: string): Antivirus | null {
  const found = z.object({ 'com.apple.XProtect': z.string(), ReleaseDate: z.string() }).safeParse(data);
  const date = dayOf(found.data?.ReleaseDate ?? '');
  const version = /^\d{1,10}$/.exec(found.data?.['com.apple.XProtect'] ?? '')?.[0];
  if (date === null || version === undefined) return null;
  return { asOf, products: [{ product: 'XProtect', definitions: { version, date } }] };
}

const MAX_LINES = 2_000;

/** `debian.csv` or `ubuntu.csv` of Debian's distro-info-data; the family is the file's name. */
export function fromDistroInfo(text: string, family: string, asOf: string): Result<Linux, string> {
  const [head = '', ...lines] = text.split(/\r?\n/, MAX_LINES);
  const columns = head.split(',');
  if (!['version', 'codename', 'eol'].every((column) => columns.includes(column)))
    return err('has no columns version, codename and eol: it is none of distro-info-data’s files');
  const releases = lines.flatMap((line) => linuxRelease(named(columns, line.split(',')), family));
  return releases.length === 0 ? err('names no release with an end of support') : ok({ asOf, releases });
}

function named(columns: readonly string[], cells: readonly string[]): Record<string, string> {
  return Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? '']));
}

/** Releases that are not out yet have no end; "24.04 LTS" is VERSION_ID 24.04. */
function linuxRelease(row: Record<string, string>, family: string): LinuxRelease[] {
  const version = /^(\d{1,4}(?:\.\d{1,4})?)(?: LTS)?$/.exec(row['version'] ?? '')?.[1];
  const endOfSupport = dayOf(row['eol'] ?? '');
  if (version === undefined || endOfSupport === null) return [];
  const name =
    `${family[0]?.toUpperCase() ?? ''}${family.slice(1)} ${row['version']} ${row['codename'] ?? ''}`.trim();
  const extended = dayOf(row['eol-esm'] ?? '') ?? dayOf(row['eol-elts'] ?? '');
  const longTermUntil = dayOf(row['eol-lts'] ?? '');
  return [{ family, version, name: name.slice(0, 80), endOfSupport, longTermUntil, extendedUntil: extended }];
}

export function uniqueBy<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.toReversed().map((item) => [key(item), item])).values()].toReversed();
}
