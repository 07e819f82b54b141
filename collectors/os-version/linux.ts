import { uname } from '../../src/base/commands.ts';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { containerOf } from '../linux-container.ts';
import { parseOsRelease, readOsRelease, type OsRelease } from '../linux-os-release.ts';
import type { OsVersion } from './spec.ts';

type Identity = Omit<OsVersion, 'kernel' | 'arch' | 'container'>;

export async function read(host: Host): Promise<Observed<OsVersion>> {
  const release = await readOsRelease(host);
  const identity = release.ok ? identify(release.value) : await fromOldReleaseFile(host);
  if (identity === null && !release.ok && release.error === 'denied')
    return unknown('denied', 'os-release may not be read');
  if (identity === null) return unknown('unparsable', 'os-release names no distribution');
  const [kernel, arch, container] = await Promise.all([
    firstWord(host, '/proc/sys/kernel/osrelease', '-r'),
    firstWord(host, '/proc/sys/kernel/arch', '-m'),
    containerOf(host),
  ]);
  return known({ ...identity, kernel, arch, container });
}

/** The text of os-release(5); null when it names no distribution. */
export function parse(text: string): Identity | null {
  return identify(parseOsRelease(text));
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$/;
const DATE = /^\d{4}-\d\d-\d\d$/;

function identify(release: OsRelease): Identity | null {
  const value = (key: string) => release.get(key) || null;
  // os-release(5): without an ID the distribution is "linux".
  const family = value('ID') ?? (value('NAME') === null ? null : 'linux');
  if (family === null || !ID.test(family)) return null;
  const end = value('SUPPORT_END');
  return {
    platform: 'linux',
    family,
    name: value('NAME'),
    version: value('VERSION_ID'),
    build: value('BUILD_ID') ?? value('IMAGE_VERSION'),
    display: value('PRETTY_NAME'),
    edition: value('VARIANT_ID'),
    endOfSupport: end !== null && DATE.test(end) ? end : null,
  };
}

/** Releases older than os-release(5), such as CentOS 6. */
async function fromOldReleaseFile(host: Host): Promise<Identity | null> {
  for (const path of ['/etc/centos-release', '/etc/redhat-release']) {
    const text = await host.readText(path);
    if (text.ok) return parseOldRelease(text.value);
  }
  return null;
}

const OLD_FAMILIES: readonly (readonly [string, string])[] = [
  ['CentOS', 'centos'],
  ['Red Hat', 'rhel'],
  ['Scientific', 'scientific'],
  ['Fedora', 'fedora'],
];

/** `CentOS release 6.10 (Final)`. */
export function parseOldRelease(text: string): Identity | null {
  const display = text.split('\n')[0]?.trim() ?? '';
  const match = /^([\w ]+?) release (\d+(?:\.\d+)*)\b/.exec(display);
  const [, name, version] = match ?? [];
  const family = OLD_FAMILIES.find(([start]) => name?.startsWith(start))?.[1];
  if (name === undefined || version === undefined || family === undefined) return null;
  const nothingMore = { build: null, edition: null, endOfSupport: null };
  return { platform: 'linux', family, name, version, display, ...nothingMore };
}

/** /proc/sys/kernel/arch exists since Linux 6.1. */
async function firstWord(host: Host, path: string, option: string): Promise<string | null> {
  const file = await host.readText(path);
  const text = file.ok ? file.value : (await host.run(uname, [option])).stdout;
  return text.trim().split(/\s/)[0] || null;
}
