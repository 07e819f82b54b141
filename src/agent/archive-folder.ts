import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckId, Readings } from '../../collectors/specs.ts';
import type { Reading } from '../base/reading.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Archive } from './archive.ts';
import type { Answer } from './recorder.ts';

type Written = { cases: number; captures: number };

/** Where an answer's texts lie, beside the answer. */
type Filed = { answer: Answer; names: { main?: string; stderr?: string } };

/**
 * Writes a capture as a folder of test cases: `cases.jsonl` with a case for each check, and the answers as files.
 * `expect` is what `readings` say today, for a person to correct. The folder must be empty or not there; the names of
 * the files are numbers, whatever the archive says.
 */
export async function writeCases(
  archive: Archive,
  readings: Readings,
  folder: string,
): Promise<Result<Written, string>> {
  await mkdir(join(folder), { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) return err(`${folder} is not empty.`);
  await mkdir(join(folder, CAPTURES));
  const filed: Filed[] = [];
  for (const [index, answer] of archive.answers.entries())
    filed.push({ answer, names: await writeAnswer(folder, answer, index + 1) });
  const cases = archive.checks
    .map((check) => caseOf(archive, check, readings[check], filed))
    .filter((one) => one !== null);
  await writeFile(join(folder, 'cases.jsonl'), cases.map((one) => `${JSON.stringify(one)}\n`).join(''), NEW);
  return ok({ cases: cases.length, captures: filed.length });
}

const CAPTURES = 'captures';
const NEW = { flag: 'wx', mode: 0o600 } as const;

async function writeAnswer(folder: string, answer: Answer, number: number): Promise<Filed['names']> {
  const put = async (suffix: string, content: string | Uint8Array) => {
    const name = `${CAPTURES}/${String(number).padStart(4, '0')}${suffix}`;
    await writeFile(join(folder, name), content, NEW);
    return name;
  };
  switch (answer.kind) {
    case 'command':
      return {
        ...(answer.stdout === '' ? {} : { main: await put('.txt', answer.stdout) }),
        ...(answer.stderr === '' ? {} : { stderr: await put('.err', answer.stderr) }),
      };
    case 'file':
      return { main: await put('.txt', answer.content) };
    case 'probe':
      return { main: await put('.json', `${JSON.stringify(answer.answer, null, 2)}\n`) };
    default:
      return {};
  }
}

/** Null for a check that asked nothing. */
function caseOf(archive: Archive, check: CheckId, reading: Reading<unknown>, filed: readonly Filed[]) {
  const own = filed.filter(({ answer }) => answer.checks.includes(check));
  if (own.length === 0) return null;
  return {
    id: `${archive.platform}/${check}/capture`,
    os: archive.platform,
    check,
    host: hostOf(archive.root, own),
    expect: reading.state === 'known' ? reading.fact : { unknown: [reading.why] },
    truth: `What Drawbridge reads from a capture of ${archive.system ?? archive.platform}, ${archive.takenAt}: not yet looked at by a person`,
  };
}

function hostOf(root: boolean, filed: readonly Filed[]) {
  const of = <K extends Answer['kind']>(kind: K) =>
    filed.filter((one): one is Filed & { answer: Extract<Answer, { kind: K }> } => one.answer.kind === kind);
  return {
    root,
    commands: of('command').map(({ answer: { argv, stdin, as, exit, failure }, names }) => ({
      argv,
      stdin,
      as,
      stdout: names.main,
      stderr: names.stderr,
      exit,
      failure,
    })),
    files: Object.fromEntries(of('file').map(({ answer, names }) => [answer.path, names.main])),
    dirs: Object.fromEntries(of('folder').map(({ answer }) => [answer.path, answer.names])),
    links: Object.fromEntries(of('link').map(({ answer }) => [answer.path, answer.target])),
    statuses: Object.fromEntries(of('status').map(({ answer }) => [answer.path, answer.status])),
    problems: of('problem').map(({ answer: { door, path, problem } }) => ({ door, path, problem })),
    probes: Object.fromEntries(of('probe').map(({ answer, names }) => [answer.name, names.main])),
  };
}
