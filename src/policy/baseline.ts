import type { z } from 'zod';
import type { Fact, Readings } from '../../collectors/specs.ts';
import type { baselineSchema } from './baseline-schema.ts';

/** Reference data, as `baselineSchema` reads it. */
export type Baseline = z.infer<typeof baselineSchema>;
export type WindowsRelease = NonNullable<Baseline['windows']>['releases'][number];
export type MacosRelease = NonNullable<Baseline['macos']>['releases'][number];
export type LinuxRelease = NonNullable<Baseline['linux']>['releases'][number];

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
