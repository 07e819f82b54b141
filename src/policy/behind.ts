import type { Fact } from '../../collectors/specs.ts';
import { compareNumbered } from '../base/version-numbers.ts';
import {
  isLinux,
  isMacos,
  windowsBuild,
  type Baseline,
  type LinuxRelease,
  type WindowsRelease,
} from './baseline.ts';

type OsVersion = Fact<'os-version'>;

/** Whose support counts: the distribution's regular one, its long-term one for everybody, or what customers get. */
export const SUPPORT = ['regular', 'long-term', 'paid'] as const;
export type Support = (typeof SUPPORT)[number];

const DAY_MS = 86_400_000;

/**
 * How far a device is behind: days since the first release that it should have and has not, 0 where it lacks none.
 * `newest` is the newest release for its own version of the system.
 */
export type Lag =
  | { state: 'known'; days: number; newest: () => string }
  | { state: 'unknown'; why: string; since?: number }
  /** Its releases are no measure: Linux distributions publish packages, which are counted by os-patch. */
  | { state: 'not-tracked' };

/** A release in a list; only what a device `needs` can be missing. */
type Step = { date: string; needs: boolean; isNewer: boolean };

/** The releases of a device's own series, and the newest of them. */
type Series = { steps: Step[]; newest: () => string };

/** Pure; `now` is in milliseconds, `maxAgeDays` how old the baseline may be. */
export function lagOf(fact: OsVersion, baseline: Baseline | null, maxAgeDays: number, now: number): Lag {
  if (fact.platform === 'linux') return { state: 'not-tracked' };
  const section = baseline?.[fact.platform] ?? null;
  if (section === null) return { state: 'unknown', why: 'there is no baseline for this system' };
  const stale = staleness(section.asOf, maxAgeDays, now);
  if (stale !== null) return { state: 'unknown', ...stale };
  const series = fact.platform === 'windows' ? windowsSeries(fact, baseline) : macosSeries(fact, baseline);
  if (series === null) return { state: 'unknown', why: `the baseline does not know ${fact.version ?? 'it'}` };
  return { state: 'known', days: daysBehind(series.steps, now), newest: series.newest };
}

/** Why a section can tell nothing any more, and since when; null while it is young enough. */
export function staleness(
  asOf: string,
  maxAgeDays: number,
  now: number,
): { why: string; since: number } | null {
  const made = Date.parse(asOf);
  const days = Math.floor((now - made) / DAY_MS);
  if (days <= maxAgeDays) return null;
  return { why: `baseline is ${days} days old`, since: made + (maxAgeDays + 1) * DAY_MS };
}

function windowsSeries(fact: OsVersion, baseline: Baseline | null): Series | null {
  const own = windowsBuild(fact);
  const release = windowsRelease(fact, baseline);
  if (own === null || release === undefined || release.updates.length === 0) return null;
  const steps = release.updates.map(({ revision, date, kind }) => ({
    date,
    needs: kind === 'security',
    isNewer: revision > own.revision,
  }));
  const newest = () => {
    const needed = release.updates.filter(({ kind }) => kind === 'security');
    return `${release.build}.${Math.max(...(needed.length > 0 ? needed : release.updates).map(({ revision }) => revision))}`;
  };
  return { steps, newest };
}

function macosSeries(fact: OsVersion, baseline: Baseline | null): Series | null {
  const release = baseline?.macos?.releases.find((one) => isMacos(one, fact));
  const own = fact.version;
  if (own === null || release === undefined || release.releases.length === 0) return null;
  const steps = release.releases.map(({ version, date }) => ({
    date,
    needs: true,
    isNewer: compareNumbered(version, own) > 0,
  }));
  const newest = () =>
    release.releases
      .map(({ version }) => version)
      .toSorted(compareNumbered)
      .at(-1) ?? '';
  return { steps, newest };
}

/**
 * What came out on the same day is of one level: hotpatches carry lower numbers than the update whose holes they
 * close.
 */
function daysBehind(steps: readonly Step[], now: number): number {
  let level = '';
  for (const { date, isNewer } of steps) if (!isNewer && date > level) level = date;
  let first: string | null = null;
  for (const { date, needs, isNewer } of steps) {
    if (needs && isNewer && date > level && (first === null || date < first)) first = date;
  }
  return first === null ? 0 : Math.max(0, Math.floor((now - Date.parse(first)) / DAY_MS));
}

function windowsRelease(fact: OsVersion, baseline: Baseline | null): WindowsRelease | undefined {
  const build = Number(windowsBuild(fact)?.build);
  return baseline?.windows?.releases.find((one) => one.build === build && one.family === fact.family);
}

/** Until when a system gets updates (a day); null where nobody states it. The system's own word counts first. */
export function endOfSupport(fact: OsVersion, baseline: Baseline | null, support: Support): string | null {
  return fact.endOfSupport ?? statedEnd(fact, baseline, support);
}

function statedEnd(fact: OsVersion, baseline: Baseline | null, support: Support): string | null {
  if (baseline === null) return null;
  const { macos, linux } = baseline;
  switch (fact.platform) {
    case 'windows':
      return windowsRelease(fact, baseline)?.endOfSupport[servicingOption(fact)] ?? null;
    case 'macos':
      return macos?.releases.find((one) => isMacos(one, fact))?.endOfSupport ?? null;
    case 'linux':
      return linuxEnd(
        linux?.releases.find((one) => isLinux(one, fact)),
        support,
      );
  }
}

function linuxEnd(release: LinuxRelease | undefined, support: Support): string | null {
  if (release === undefined) return null;
  const { endOfSupport: regular, longTermUntil, extendedUntil } = release;
  const counting = { regular: [], 'long-term': [longTermUntil], paid: [longTermUntil, extendedUntil] }[
    support
  ];
  return (
    [regular, ...counting]
      .filter((end) => end !== null)
      .toSorted()
      .at(-1) ?? null
  );
}

/** By EditionID: EnterpriseS and IoTEnterpriseS are LTSC, Core is Home, ServerRdsh is a client. */
function servicingOption({ family, edition }: OsVersion): keyof WindowsRelease['endOfSupport'] {
  if (family === 'windows-server') return 'server';
  if (/^(?:IoT)?EnterpriseS/.test(edition ?? '')) return 'longTerm';
  return /^(?:IoT)?Enterprise|^Education|^ServerRdsh/.test(edition ?? '') ? 'enterprise' : 'consumer';
}
