import { dpkgQuery, pacman, rpm, type Command } from '../../src/base/commands.ts';
import type { Host, TagQuestion } from '../check.ts';
import { isBooted, showUnits } from '../linux-systemd.ts';
import { compareDpkg, compareRpm } from '../linux-versions.ts';
import { askTags, fileTag, type TagAnswer } from './ask.ts';

export const read = (host: Host) =>
  askTags(host, { file: fileTag, service: serviceTag, package: packageTag });

const STATES: Readonly<Record<string, 'running' | 'stopped'>> = {
  active: 'running',
  reloading: 'running',
  inactive: 'stopped',
  failed: 'stopped',
};

/** A unit that does not exist is stopped; one that is just starting or ending is neither. */
async function serviceTag(
  host: Host,
  { name, state }: NonNullable<TagQuestion['service']>,
): Promise<TagAnswer> {
  const unit = /\.[a-z]+$/.test(name) ? name : `${name}.service`;
  const units = await showUnits(host, [unit], ['Id', 'LoadState', 'ActiveState']);
  if (units === null) return { unknown: (await isBooted(host)) === false ? 'not-installed' : 'failed' };
  const [properties] = units.values();
  const found = STATES[properties?.get('ActiveState') ?? ''];
  return found === undefined ? { unknown: 'unparsable' } : found === state;
}

type Manager = { command: Command; argv: (name: string) => string[]; parse: (stdout: string) => string[] };

/** Those that are not there are left out: a Debian may have rpm as a mere tool, and the other way round. */
const managers: readonly (Manager & { compare: (a: string, b: string) => number })[] = [
  {
    command: dpkgQuery,
    argv: (name) => ['-W', '-f=${db:Status-Status}\\t${Version}\\n', name],
    parse: parseDpkg,
    compare: compareDpkg,
  },
  {
    command: rpm,
    argv: (name) => ['-q', '--qf', '%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\n', name],
    parse: (stdout) => linesOf(stdout).filter((line) => /^\d+:\S+$/.test(line)),
    compare: compareRpm,
  },
  {
    command: pacman,
    argv: (name) => ['-Q', name],
    parse: (stdout) => linesOf(stdout).flatMap((line) => /^\S+ (\S+)$/.exec(line)?.[1] ?? []),
    compare: compareRpm,
  },
];

async function packageTag(
  host: Host,
  { name, atLeast }: NonNullable<TagQuestion['package']>,
): Promise<TagAnswer> {
  const asked = await Promise.all(managers.map((manager) => askManager(host, manager, name)));
  const answers = asked.filter((answer) => answer !== null);
  const isMet = managers.some(({ compare }, index) =>
    versionsIn(asked[index]).some((version) => compareWithEpoch(version, atLeast, compare) >= 0),
  );
  if (isMet) return true;
  if (answers.length === 0) return { unknown: 'not-installed' };
  return answers.every(Array.isArray) ? false : { unknown: 'failed' };
}

function versionsIn(answer: string[] | 'failed' | null | undefined): string[] {
  return Array.isArray(answer) ? answer : [];
}

/** Installed versions (none: not installed), or null where there is no such manager. */
async function askManager(host: Host, { command, argv, parse }: Manager, name: string) {
  const { code, failure, stdout } = await host.run(command, argv(name));
  if (failure === 'not-found') return null;
  if (failure !== null || code === null || code > 1) return 'failed';
  // A package that is not there is exit 1 for all of them.
  return code === 1 ? [] : parse(stdout);
}

/** `installed<tab>1:2.3-4`; a removed package whose settings stayed is still listed. */
function parseDpkg(stdout: string): string[] {
  return linesOf(stdout).flatMap((line) => /^installed\t(\S+)$/.exec(line)?.[1] ?? []);
}

/** Epochs count where both have one: people write down the version that the program itself shows. */
function compareWithEpoch(
  version: string,
  atLeast: string,
  compare: (a: string, b: string) => number,
): number {
  const [installed, wanted] = [splitEpoch(version), splitEpoch(atLeast)];
  const epochs = wanted.epoch === null ? 0 : (installed.epoch ?? 0) - wanted.epoch;
  return epochs === 0 ? compare(installed.rest, wanted.rest) : epochs;
}

function splitEpoch(version: string): { epoch: number | null; rest: string } {
  const [, epoch, rest = version] = /^(\d{1,9}):(.*)$/s.exec(version) ?? [];
  return { epoch: epoch === undefined ? null : Number(epoch), rest };
}

function linesOf(text: string): string[] {
  return text.split('\n', 200).filter((line) => line !== '');
}
