import { err, ok, type Result } from '../base/result.ts';
import type { Baseline, WindowsRelease } from '../policy/baseline.ts';
import { baselineSchema } from '../policy/baseline-schema.ts';
import { fromDistroInfo, fromSofa, uniqueBy } from './baseline-feeds.ts';
import { fromWindowsPage } from './baseline-windows.ts';

/** A feed's file: its name is for messages, and says which distribution a file of distro-info-data is about. */
export type FeedFile = { name: string; text: string };

export type Feeds = {
  sofa?: FeedFile | undefined;
  windows: readonly FeedFile[];
  distroInfo: readonly FeedFile[];
  /** The day on which the feeds were fetched, for those that do not say so themselves. */
  asOf: string | null;
  /** Today. */
  date: string;
};

type Sections = Omit<Baseline, 'version' | 'date' | 'sources'>;

/** Puts a baseline together from public feeds. The error names the file and what is wrong with it. */
export function convertFeeds(feeds: Feeds): Result<Baseline, string> {
  const sections: Sections = { windows: null, macos: null, linux: null, antivirus: null };
  const files = [feeds.sofa, ...feeds.windows, ...feeds.distroInfo].filter((file) => file !== undefined);
  if (files.length === 0) return err('Name at least one feed: --sofa, --windows or --distro-info.');
  for (const take of [takeSofa, takeWindows, takeDistroInfo]) {
    const problem = take(feeds, sections);
    if (problem !== null) return err(problem);
  }
  const sources = files.map(({ name }) => `converted from ${name}`.slice(0, 300)).slice(0, 30);
  return ok(baselineSchema.parse({ version: 1, date: feeds.date, sources, ...sections }));
}

function takeSofa({ sofa, asOf }: Feeds, sections: Sections): string | null {
  if (sofa === undefined) return null;
  const found = fromSofa(sofa.text, asOf);
  if (!found.ok) return `${sofa.name} ${found.error}.`;
  Object.assign(sections, found.value);
  return null;
}

function takeWindows({ windows, asOf }: Feeds, sections: Sections): string | null {
  for (const { name, text } of windows) {
    const found = fromWindowsPage(text, asOf);
    if (!found.ok) return `${name} ${found.error}.`;
    sections.windows = merged(sections.windows, found.value);
  }
  return null;
}

function takeDistroInfo({ distroInfo, asOf }: Feeds, sections: Sections): string | null {
  for (const { name, text } of distroInfo) {
    const family = /([a-z0-9]+)\.csv$/.exec(name)?.[1];
    if (family === undefined) return `${name} has to be named after its distribution, such as debian.csv.`;
    if (asOf === null) return `${name} does not say when it was made; say so with --as-of.`;
    const found = fromDistroInfo(text, family, asOf);
    if (!found.ok) return `${name} ${found.error}.`;
    sections.linux = { asOf, releases: [...(sections.linux?.releases ?? []), ...found.value.releases] };
  }
  return null;
}

type Windows = NonNullable<Baseline['windows']>;

/** Two pages of one release complete each other; together they are as complete as the older of them. */
function merged(a: Windows | null, b: Windows): Windows {
  if (a === null) return b;
  const releases = Map.groupBy([...a.releases, ...b.releases], ({ family, build }) => `${family} ${build}`);
  return { asOf: a.asOf < b.asOf ? a.asOf : b.asOf, releases: [...releases.values()].map(oneRelease) };
}

function oneRelease(same: readonly WindowsRelease[]): WindowsRelease {
  const [first, ...others] = same as [WindowsRelease, ...WindowsRelease[]];
  return others.reduce((all, one) => {
    const updates = uniqueBy([...all.updates, ...one.updates], ({ revision }) => String(revision));
    const endOfSupport = { ...all.endOfSupport };
    for (const [option, end] of Object.entries(one.endOfSupport)) {
      endOfSupport[option as keyof typeof endOfSupport] ??= end;
    }
    // The name of a release information page is the better one: "Windows 11 24H2" instead of "Windows 11, build 26100".
    const name = all.name.includes(', build ') ? one.name : all.name;
    return { ...all, name, endOfSupport, updates: updates.toSorted((x, y) => y.revision - x.revision) };
  }, first);
}
