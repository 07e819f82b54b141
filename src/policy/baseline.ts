import { z } from 'zod';
import type { Fact, Readings } from '../../collectors/specs.ts';

/*
 * Reference data: which versions there are, since when, and how long they get updates. Without it nobody can say
 * what "up to date" means. Each section has the day up to which it is complete; what came out later, it cannot know.
 */

const day = z.iso.date();
const name = z.string().min(1).max(80);
/** A vendor's version: numbers, perhaps with text behind them. */
const version = z
  .string()
  .regex(/^\d{1,10}(?:\.\d{1,10}){0,5}(?: ?\([a-z]\))?$/, 'has to be a version such as 15.7.2');

const windowsRelease = z.strictObject({
  family: z.enum(['windows-client', 'windows-server']),
  build: z.number().int().min(1).max(999_999),
  name,
  /** The last day with updates, by servicing option; null or left out where it is not known. */
  endOfSupport: z
    .strictObject({
      consumer: day.nullable().default(null),
      enterprise: day.nullable().default(null),
      longTerm: day.nullable().default(null),
      server: day.nullable().default(null),
    })
    .prefault({}),
  /** `security` are the ones that a device should not go without; previews and others only tell what it has. */
  updates: z
    .array(
      z.strictObject({
        revision: z.number().int().min(0).max(999_999),
        date: day,
        kind: z.enum(['security', 'other']),
      }),
    )
    .max(300),
});

const macosRelease = z.strictObject({
  major: z.number().int().min(10).max(999),
  name,
  endOfSupport: day.nullable().default(null),
  releases: z.array(z.strictObject({ version, date: day })).max(300),
});

const linuxRelease = z.strictObject({
  /** ID and VERSION_ID of os-release. */
  family: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,39}$/),
  version: z.string().regex(/^[0-9A-Za-z.]{1,20}$/),
  name,
  endOfSupport: day.nullable(),
  /** The end of long-term support that everybody gets (Debian LTS), and of the one for customers (ESM, ELTS). */
  longTermUntil: day.nullable().default(null),
  extendedUntil: day.nullable().default(null),
});

const antivirusProduct = z.strictObject({
  /** As the `antivirus` check names it. */
  product: name,
  definitions: z.strictObject({ version, date: day }),
});

const windowsSection = z.strictObject({ asOf: day, releases: z.array(windowsRelease).max(100) });
const macosSection = z.strictObject({ asOf: day, releases: z.array(macosRelease).max(50) });
const linuxSection = z.strictObject({ asOf: day, releases: z.array(linuxRelease).max(500) });
const antivirusSection = z.strictObject({ asOf: day, products: z.array(antivirusProduct).max(50) });

export const baselineSchema = z.strictObject({
  version: z.literal(1),
  /** The day on which this was put together; a newer one replaces an older one. */
  date: day,
  /** Where it comes from, for people. */
  sources: z.array(z.string().min(1).max(300)).max(30).default([]),
  windows: windowsSection.nullable().default(null),
  macos: macosSection.nullable().default(null),
  linux: linuxSection.nullable().default(null),
  antivirus: antivirusSection.nullable().default(null),
});

export type Baseline = z.infer<typeof baselineSchema>;
export type WindowsRelease = z.infer<typeof windowsRelease>;
export type MacosRelease = z.infer<typeof macosRelease>;
export type LinuxRelease = z.infer<typeof linuxRelease>;

/**
 * What of a baseline concerns one device: judged by it, the device fares exactly as by the whole. Where its version is
 * not known yet, nothing can be compared, so it gets none of the releases: a policy has to fit into a frame.
 */
export function baselineFor(
  baseline: Baseline,
  readings: Partial<Pick<Readings, 'os-version' | 'antivirus'>>,
): Baseline {
  const reading = readings['os-version'];
  const fact = reading?.state === 'known' ? reading.fact : null;
  const { windows, macos, linux } = baseline;
  return {
    ...baseline,
    sources: [],
    windows: fact?.platform === 'windows' ? only(windows, (one) => isWindows(one, fact)) : null,
    macos: fact?.platform === 'macos' ? only(macos, (one) => isMacos(one, fact)) : null,
    linux: fact?.platform === 'linux' ? only(linux, (one) => isLinux(one, fact)) : null,
    antivirus: antivirusFor(baseline.antivirus, readings.antivirus),
  };
}

function antivirusFor(section: Baseline['antivirus'], reading: Readings['antivirus'] | undefined) {
  if (section === null || reading?.state !== 'known') return section;
  const names = new Set(reading.fact.products.map((product) => product.name));
  return { ...section, products: section.products.filter(({ product }) => names.has(product)) };
}

/** The one release by which a device is judged. */
function only<R>(section: { asOf: string; releases: R[] } | null, isOwn: (release: R) => boolean) {
  return section === null ? null : { ...section, releases: section.releases.filter(isOwn).slice(0, 1) };
}

type OsVersion = Fact<'os-version'>;

function isWindows(release: WindowsRelease, fact: OsVersion): boolean {
  return release.family === fact.family && String(release.build) === windowsBuild(fact)?.build;
}

export function isMacos(release: MacosRelease, fact: OsVersion): boolean {
  return fact.family === 'macos' && fact.version?.split('.')[0] === String(release.major);
}

export function isLinux(release: LinuxRelease, fact: OsVersion): boolean {
  return release.family === fact.family && release.version === fact.version;
}

/** The two numbers of `10.0.<build>.<revision>`; null where the revision is missing (Windows 7). */
export function windowsBuild({ version }: OsVersion): { build: string; revision: number } | null {
  const [, build, revision] = /^\d+\.\d+\.(\d{1,6})\.(\d{1,6})$/.exec(version ?? '') ?? [];
  return build === undefined ? null : { build, revision: Number(revision) };
}

/** What a device shares with others of its release: updates within it change nothing about its part of a baseline. */
export function seriesOf(fact: OsVersion): string {
  const series = {
    windows: windowsBuild(fact)?.build,
    macos: fact.version?.split('.')[0],
    linux: fact.version,
  };
  return `${fact.family} ${series[fact.platform] ?? ''}`;
}
