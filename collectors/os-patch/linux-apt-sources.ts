import { aptCache } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { isSecuritySuite } from './linux-apt-simulation.ts';

/** What apt knows updates from. */
export type Sources = {
  /** Whether any package list is there: without one, "0 upgraded" means nothing. */
  any: boolean;
  security: boolean;
  /** `Date` of the oldest security list, ISO 8601: how old the knowledge is. */
  metadataAt: string | null;
};

const LISTS = '/var/lib/apt/lists';
const MAX_LISTS = 60;

/** `apt-cache policy` says what is configured now; lists on disk may be left over from a source that was removed. */
export async function readSources(host: Host): Promise<Sources> {
  const [policy, lists] = await Promise.all([host.run(aptCache, ['policy']), readLists(host)]);
  const configured = policy.code === 0 ? parsePolicy(policy.stdout) : lists;
  return {
    any: configured.length > 0,
    security: configured.some(({ label, suite }) => isSecuritySuite(label, suite)),
    metadataAt: oldestSecurityDate(lists),
  };
}

export type Release = { label: string; suite: string; date: string | null };

/** Lines `release v=12,o=Debian,a=oldstable-security,n=bookworm-security,l=Debian-Security,c=main,b=amd64`. */
export function parsePolicy(text: string): Release[] {
  const lines = text.matchAll(/^ +release (\S.*)$/gm);
  const releases = [...lines].map(([, fields = '']) => parseFields(fields));
  // `a=now` alone is the dpkg database, not a source of updates.
  return releases.filter(({ suite }) => suite !== 'now');
}

function parseFields(fields: string): Release {
  const value = (key: string) => new RegExp(`(?:^|,)${key}=([^,]*)`).exec(fields)?.[1] ?? '';
  const [archive, codename] = [value('a'), value('n')];
  return { label: value('l'), suite: codename.endsWith('-security') ? codename : archive, date: null };
}

async function readLists(host: Host): Promise<Release[]> {
  const names = await host.list(LISTS);
  const releases = (names.ok ? names.value : []).filter((name) => /_(?:In)?Release$/.test(name));
  const texts = await Promise.all(
    releases.slice(0, MAX_LISTS).map((name) => host.readText(`${LISTS}/${name}`)),
  );
  return texts.flatMap((text) => (text.ok ? [parseRelease(text.value)] : []));
}

/** The head of an (In)Release file: RFC 822 fields before the long lists of checksums. */
export function parseRelease(text: string): Release {
  const head = text.slice(0, 4_000);
  const value = (key: string) => new RegExp(`^${key}: *(.*)$`, 'm').exec(head)?.[1]?.trim() ?? '';
  const [suite, codename] = [value('Suite'), value('Codename')];
  const date = Date.parse(value('Date'));
  return {
    label: value('Label'),
    suite: codename.endsWith('-security') ? codename : suite,
    date: Number.isNaN(date) ? null : new Date(date).toISOString(),
  };
}

/** ESM lists are signed anew less often than the distribution's own; they only count where there is nothing else. */
function oldestSecurityDate(lists: readonly Release[]): string | null {
  const security = lists.filter(({ label, suite }) => isSecuritySuite(label, suite));
  const own = security.filter(({ label }) => !label.startsWith('UbuntuESM'));
  const dates = (own.length > 0 ? own : security).flatMap(({ date }) => (date === null ? [] : [date]));
  return dates.toSorted()[0] ?? null;
}
