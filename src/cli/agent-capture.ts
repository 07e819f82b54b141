import { access, readFile, stat } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { NO_QUESTIONS } from '../../collectors/check.ts';
import { checkIds, type CheckId, type Readings } from '../../collectors/specs.ts';
import { writeCases } from '../agent/archive-folder.ts';
import { differingChecks, replayArchive } from '../agent/archive-replay.ts';
import { MAX_PACKED, openArchive, packArchive, type Archive } from '../agent/archive.ts';
import { createRecorder, type Notes } from '../agent/recorder.ts';
import { REPLAYED_SELF } from '../agent/replay.ts';
import { redactAnswers, type KnownNames } from '../agent/redact.ts';
import { productVersion } from '../base/version.ts';
import { writeAtomic } from '../base/atomic-file.ts';
import { iso } from '../base/clock.ts';
import { isAgreed } from './agreed.ts';
import { readNow } from './agent-reading.ts';
import type { Settings, SettingsOptions } from './agent-settings.ts';
import { UsageError } from './usage-error.ts';
import { contentsOf, rowOf, type Content } from './agent-captured.ts';
import { say, sayJson, table, withProgress } from './present.ts';

export type CaptureOptions = SettingsOptions & {
  out?: string;
  check?: string[];
  yes?: boolean;
  unpack?: string;
  folder?: string;
};

const EXIT_NOT_WANTED = 1;

/** What is about to be written. `differing` are the checks that read otherwise once redacted. */
type Taken = { archive: Archive; contents: Content[]; differing: CheckId[] };

/** `drawbridge capture`: the raw answers of this computer in one file, or one such file as test cases. */
export async function capture(settings: Settings, options: CaptureOptions): Promise<number> {
  if (options.unpack !== undefined) return unpack(options.unpack, options);
  if (options.folder !== undefined)
    throw new UsageError('A folder is for --unpack; name the file with --out.');
  const checks = checksIn(options.check);
  const out =
    options.out ?? `drawbridge-capture-${iso(Date.now()).replaceAll(/\D/g, '').slice(0, 14)}.json.gz`;
  if (await exists(out)) throw new UsageError(`${out} is there already.`);
  const taken = await withProgress('Reading this computer', () => take(settings, checks));
  if (options.json !== true) await show(taken);
  const written = options.yes === true || (await isWanted(out));
  if (written) await writeAtomic(out, packArchive(taken.archive));
  if (options.json === true) sayJson(documentOf(taken, written ? out : null));
  else if (written) say(`\nWritten: ${out}`);
  return written ? 0 : EXIT_NOT_WANTED;
}

function checksIn(wanted: readonly string[] | undefined): CheckId[] {
  const unknown = wanted?.filter((id) => !checkIds.some((known) => known === id)) ?? [];
  if (unknown.length > 0)
    throw new UsageError(`There is no check ${unknown.join(', ')}. There are ${checkIds.join(', ')}.`);
  // Whoever looks at a capture has to know of what system it is.
  return checkIds.filter((id) => wanted === undefined || id === 'os-version' || wanted.includes(id));
}

async function take(settings: Settings, checks: CheckId[]): Promise<Taken> {
  const recorder = createRecorder();
  const readings = await readNow(
    settings,
    () => NO_QUESTIONS,
    (readers) => recorder.record(readers, checks),
  );
  const notes = recorder.notes();
  const redacted = redactAnswers(notes.answers, knownNames());
  const plain = archiveOf(settings, checks, readings, notes);
  const archive = { ...plain, answers: redacted.map(({ answer }) => answer) };
  return { archive, contents: contentsOf(redacted), differing: await differingChecks(plain, archive) };
}

function archiveOf(settings: Settings, checks: CheckId[], readings: Readings, notes: Notes): Archive {
  if (notes.self === null) throw new Error('No check was read.');
  const { root, self, answers, leftOut } = notes;
  return {
    takenAt: iso(Date.now()),
    agent: productVersion(),
    platform: settings.platform,
    system: systemIn(readings['os-version']),
    root,
    checks,
    self,
    leftOut,
    answers,
  };
}

/** `Debian GNU/Linux 13 (trixie)`, `Windows 11 24H2`, `macOS 15.2`. */
export function systemIn(reading: Readings['os-version']): string | null {
  if (reading.state === 'unknown') return null;
  const { name, version, display, platform } = reading.fact;
  if (platform === 'linux') return display ?? name;
  return [name, platform === 'windows' ? display : version].filter((part) => part !== null).join(' ');
}

/** Whose computer this is, also where the command runs as root. */
function knownNames(): KnownNames {
  const { SUDO_USER, DOAS_USER, USERNAME } = process.env;
  const users = [userInfo().username, SUDO_USER, DOAS_USER, USERNAME];
  return { hosts: [hostname()], users: users.filter((name) => name !== undefined) };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function show({ archive, contents, differing }: Taken): Promise<void> {
  say(await table(['Kind', 'What it holds', 'Bytes', 'Replaced'], contents.map(rowOf)));
  if (archive.leftOut > 0) say(`\n${archive.leftOut} answers are too large and no part of it.`);
  if (differing.length > 0)
    say(`\nRead otherwise once names were replaced: ${differing.join(', ')}. Say so in your report.`);
}

async function isWanted(out: string): Promise<boolean> {
  const answer = await isAgreed(`\nWrite this to ${out}?`);
  if (answer === null)
    throw new UsageError('Nothing was written: say --yes where there is no terminal to ask at.');
  return answer;
}

function documentOf({ archive, contents, differing }: Taken, file: string | null) {
  const { takenAt, agent, platform, system, root, checks, leftOut } = archive;
  return { file, takenAt, agent, platform, system, root, checks, leftOut, differing, contents };
}

/** Throws a `UsageError` that says why where the file is no capture. */
export async function readArchive(file: string): Promise<Archive> {
  const status = await stat(file).catch(() => null);
  if (status === null) throw new UsageError(`${file} cannot be read.`);
  if (!status.isFile() || status.size > MAX_PACKED) throw new UsageError(`${file} is no capture.`);
  const archive = openArchive(await readFile(file));
  if (!archive.ok) throw new UsageError(`${file} is no capture: ${archive.error}`);
  return archive.value;
}

async function unpack(file: string, { folder, json }: CaptureOptions): Promise<number> {
  if (folder === undefined) throw new UsageError('Name the folder: drawbridge capture --unpack FILE FOLDER');
  const archive = await readArchive(file);
  const written = await writeCases(archive, await replayArchive({ ...archive, self: REPLAYED_SELF }), folder);
  if (!written.ok) throw new UsageError(written.error);
  const { cases, captures } = written.value;
  if (json === true) sayJson({ folder, cases, captures });
  else say(`${cases} cases in ${folder}/cases.jsonl. Correct what each expects, and its truth.`);
  return 0;
}
