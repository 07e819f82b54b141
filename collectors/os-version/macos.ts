import { swVers, uname } from '../../src/base/commands.ts';
import { known, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { readPlist, unanswered } from '../macos-read.ts';
import { at, linesOf, textOf } from '../macos-values.ts';
import type { Fact } from '../specs.ts';

export type MacVersion = { version: string; build: string | null };

/** `sw_vers` knows an installed background improvement (` (a)`); the plists on the sealed system volume do not. */
export async function read(host: Host): Promise<Observed<Fact<'os-version'>>> {
  const answer = await host.run(swVers, []);
  const version = parseSwVers(answer.stdout) ?? (await readSystemVersion(host));
  if (!version) return unanswered('sw_vers', answer);
  const [release, machine] = await Promise.all([host.run(uname, ['-r']), host.run(uname, ['-m'])]);
  return known({
    platform: 'macos',
    family: 'macos',
    name: 'macOS',
    ...version,
    display: marketingName(version.version),
    edition: null,
    kernel: word(release.stdout),
    arch: word(machine.stdout),
    endOfSupport: null,
    container: null,
  });
}

/** `Key:<tabs>value` lines; null unless there is a version that looks like one. */
export function parseSwVers(text: string): MacVersion | null {
  const values = new Map<string, string>();
  for (const line of linesOf(text)) {
    const match = /^(Product\w+|BuildVersion):\s*(\S.*?)\s*$/.exec(line);
    if (match) values.set(match[1] ?? '', match[2] ?? '');
  }
  return versionOf(
    values.get('ProductVersion'),
    values.get('ProductVersionExtra'),
    values.get('BuildVersion'),
  );
}

export function parseSystemVersion(list: unknown): MacVersion | null {
  const value = (key: string) => textOf(at(list, key)) ?? undefined;
  return versionOf(value('ProductVersion'), value('ProductVersionExtra'), value('ProductBuildVersion'));
}

/** The volume as it was installed: right but for a background improvement, which lives in a cryptex. */
async function readSystemVersion(host: Host): Promise<MacVersion | null> {
  const list = await readPlist(host, '/System/Library/CoreServices/SystemVersion.plist');
  return list.ok ? parseSystemVersion(list.value) : null;
}

function versionOf(version?: string, extra?: string, build?: string): MacVersion | null {
  const [, number, suffix] = /^(\d{2,3}(?:\.\d{1,3}){1,3})(?: (\([a-z]\)))?$/.exec(version ?? '') ?? [];
  if (number === undefined) return null;
  const letter = /^\(?([a-z])\)?$/.exec(extra ?? suffix ?? '')?.[1];
  return {
    version: letter === undefined ? number : `${number} (${letter})`,
    // A background improvement's build ends in a letter: 22E772610a.
    build: build !== undefined && /^\d{2}[A-Z]\d+[a-z]?$/.test(build) ? build : null,
  };
}

const NAMES: Record<string, string> = {
  '11': 'Big Sur',
  '12': 'Monterey',
  '13': 'Ventura',
  '14': 'Sonoma',
  '15': 'Sequoia',
  '26': 'Tahoe',
};

/** The system never states its own name, so a release newer than this table has none here. */
function marketingName(version: string): string | null {
  return NAMES[version.split('.')[0] ?? ''] ?? null;
}

function word(text: string): string | null {
  return /^[\w.-]{1,64}$/.exec(text.trim())?.[0] ?? null;
}
