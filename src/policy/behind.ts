import type { Fact } from '../../collectors/specs.ts';
import { compareNumbered } from '../base/version-numbers.ts';
import {
  isLinux,
  isMacos,
  isWindows,
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
  | { state: 'known'; days: number; newest: string }
  | { state: 'unknown'; why: string; since?: number }
  /** Its releases are no measure: Linux distributions publish packages, which are counted by os-patch. */
  | { state: 'not-tracked' };

/** A release in a list: `level` says what a device has, and only what it `needs` can be missing. */
type Step = { date: string; needs: boolean; isNewer: boolean; version: string };

/** Pure; `now` is in milliseconds, `maxAgeDays` how old the baseline may be. */
export function lagOf(fact: OsVersion, baseline: Baseline | null, maxAgeDays: number, now: number): Lag {
  if (fact.platform === 'linux') return { state: 'not-tracked' };
  const section = baseline?.[fact.platform] ?? null;
  if (section === null) return { state: 'unknown', why: 'there is no baseline for this system' };
  const stale = staleness(section.asOf, maxAgeDays, now);
  if (stale !== null) return { state: 'unknown', ...stale };
  const steps = fact.platform === 'windows' ? windowsSteps(fact, baseline) : macosSteps(fact, baseline);
  if (steps === null) return { state: 'unknown', why: `the baseline does not know ${fact.version ?? 'it'}` };
  return { state: 'known', days: daysBehind(steps, now), newest: newestOf(steps) };
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

function windowsSteps(fact: OsVersion, baseline: Baseline | null): Step[] | null {
  const own = windowsBuild(fact);
  const release = baseline?.windows?.releases.find((one) => isWindows(one, fact));
  if (own === null || release === undefined || release.updates.length === 0) return null;
  return release.updates.map(({ revision, date, kind }) => ({
    date,
    needs: kind === 'security',
    isNewer: revision > own.revision,
    version: `${release.build}.${revision}`,
  }));
}

function macosSteps(fact: OsVersion, baseline: Baseline | null): Step[] | null {
  const release = baseline?.macos?.releases.find((one) => isMacos(one, fact));
  const own = fact.version;
  if (own === null || release === undefined || release.releases.length === 0) return null;
  return release.releases.map(({ version, date }) => ({
    date,
    needs: true,
    isNewer: compareNumbered(version, own) > 0,
    version,
  }));
}

/**
 * What came out on the same day is of one level: hotpatches carry lower numbers than the update whose holes they
 * close.
 */
function daysBehind(steps: readonly Step[], now: number): number {
  const level = latest(steps.filter((step) => !step.isNewer).map((step) => step.date));
  const missed = steps.filter((step) => step.needs && step.isNewer && step.date > level);
  const first = missed.map((step) => step.date).toSorted()[0];
  return first === undefined ? 0 : Math.max(0, Math.floor((now - Date.parse(first)) / DAY_MS));
}

function latest(dates: readonly string[]): string {
  return dates.reduce((a, b) => (b > a ? b : a), '');
}

function newestOf(steps: readonly Step[]): string {
  const needed = steps.filter((step) => step.needs);
  return (
    (needed.length > 0 ? needed : steps)
      .map((step) => step.version)
      .toSorted(compareNumbered)
      .at(-1) ?? ''
  );
}

/** Until when a system gets updates (a day); null where nobody states it. The system's own word counts first. */
export function endOfSupport(fact: OsVersion, baseline: Baseline | null, support: Support): string | null {
  return fact.endOfSupport ?? statedEnd(fact, baseline, support);
}

function statedEnd(fact: OsVersion, baseline: Baseline | null, support: Support): string | null {
  if (baseline === null) return null;
  const { windows, macos, linux } = baseline;
  switch (fact.platform) {
    case 'windows':
      return (
        windows?.releases.find((one) => isWindows(one, fact))?.endOfSupport[servicingOption(fact)] ?? null
      );
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
