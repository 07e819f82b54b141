import type {
  AgentSelf,
  CommandOptions,
  FileProblem,
  FileStatus,
  Host,
  Output,
  ProbeAnswer,
} from '../../collectors/check.ts';
import { checkIds, type CheckId, type Readers } from '../../collectors/specs.ts';
import { unknown } from '../base/reading.ts';
import { ok, type Result } from '../base/result.ts';
import type { Door, RecordedCommand, RecordedProblem } from './replay.ts';

/** More answers, and more bytes of them, than any machine needs; what comes after is counted and left out. */
const MAX_ANSWERS = 20_000;
const MAX_BYTES = 48 * 1024 * 1024;

type Answers = {
  command: RecordedCommand;
  file: { path: string; content: Uint8Array };
  folder: { path: string; names: readonly string[] };
  link: { path: string; target: string };
  status: { path: string; status: FileStatus };
  problem: RecordedProblem;
  probe: { name: string; answer: ProbeAnswer };
};

/** One answer of the machine, and the checks that asked for it. */
export type Answer = {
  [Kind in keyof Answers]: { kind: Kind; checks: CheckId[] } & Answers[Kind];
}[keyof Answers];

export type AnswerKind = Answer['kind'];

/** What was noted, beside what the readers were told of the agent itself. */
export type Notes = { root: boolean; self: AgentSelf | null; answers: Answer[]; leftOut: number };

type NewAnswer = { [Kind in AnswerKind]: { kind: Kind } & Answers[Kind] }[AnswerKind];

export type Recorder = {
  /** The readers of `only`, each behind a door that notes what it is told; the others say that they are no part of it. */
  record(readers: Readers, only: readonly CheckId[]): Readers;
  /** What was noted so far. */
  notes(): Notes;
};

/**
 * Notes the raw answers that readers get. The same question counts once, with its first answer; a program or path
 * that is not there is not noted, since what a recording does not hold does not exist.
 */
export function createRecorder(): Recorder {
  const answers = new Map<string, Answer>();
  const told: Pick<Notes, 'root' | 'self'> = { root: false, self: null };
  let bytes = 0;
  let leftOut = 0;
  const note = (check: CheckId, key: string, answer: NewAnswer) => {
    const known = answers.get(key);
    if (known) {
      if (!known.checks.includes(check)) known.checks.push(check);
      return;
    }
    bytes += sizeOf(answer);
    if (answers.size >= MAX_ANSWERS || bytes > MAX_BYTES) leftOut += 1;
    else answers.set(key, { ...answer, checks: [check] });
  };
  const recorded = (id: CheckId, readers: Readers) => (host: Host) => {
    Object.assign(told, { root: host.isRoot, self: host.self });
    return readers[id](recordingHost(host, (key, answer) => note(id, key, answer)));
  };
  return {
    record: (readers, only) =>
      Object.fromEntries(
        checkIds.map((id) => [id, only.includes(id) ? recorded(id, readers) : notCaptured]),
      ) as Readers,
    notes: () => ({ ...told, answers: [...answers.values()], leftOut }),
  };
}

/** What was left out on purpose is not judged. */
export async function notCaptured() {
  return unknown('not-applicable', 'No part of this capture.');
}

function recordingHost(host: Host, note: (key: string, answer: NewAnswer) => void): Host {
  return {
    isRoot: host.isRoot,
    self: host.self,
    questions: host.questions,
    // An answer that was kept from an earlier run would hide what it came from.
    cache: { get: () => undefined, set() {} },
    async run(command, argv, options = {}) {
      const output = await host.run(command, argv, options);
      const answer = commandAnswer([command.path, ...argv], options, output);
      if (answer) note(`run ${JSON.stringify([answer.argv, answer.stdin, answer.as])}`, answer);
      return output;
    },
    async readText(path) {
      const read = await host.readBytes(path);
      noteLook(note, 'file', path, read, (content) => ({ kind: 'file', path, content }));
      return read.ok ? ok(new TextDecoder().decode(read.value)) : read;
    },
    async readBytes(path) {
      const read = await host.readBytes(path);
      return noteLook(note, 'file', path, read, (content) => ({ kind: 'file', path, content }));
    },
    async list(path) {
      const read = await host.list(path);
      return noteLook(note, 'folder', path, read, (names) => ({ kind: 'folder', path, names }));
    },
    async readLink(path) {
      const read = await host.readLink(path);
      return noteLook(note, 'link', path, read, (target) => ({ kind: 'link', path, target }));
    },
    async status(path) {
      const read = await host.status(path);
      return noteLook(note, 'status', path, read, (status) => ({ kind: 'status', path, status }));
    },
    async probe(name) {
      const answer = await host.probe(name);
      if (answer) note(`probe ${name}`, { kind: 'probe', name, answer });
      return answer;
    },
  };
}

function commandAnswer(
  argv: readonly string[],
  { stdin, as }: CommandOptions,
  { stdout, stderr, code, failure }: Output,
): ({ kind: 'command' } & RecordedCommand) | null {
  if (failure === 'not-found') return null;
  return {
    kind: 'command',
    argv,
    ...(stdin === undefined ? {} : { stdin }),
    ...(as === undefined ? {} : { as }),
    stdout,
    stderr,
    exit: code ?? -1,
    ...(failure === null ? {} : { failure }),
  };
}

function noteLook<T>(
  note: (key: string, answer: NewAnswer) => void,
  door: Door,
  path: string,
  read: Result<T, FileProblem>,
  answerOf: (value: T) => NewAnswer,
): Result<T, FileProblem> {
  if (read.ok) note(`${door} ${path}`, answerOf(read.value));
  else if (read.error !== 'missing')
    note(`${door} ${path}`, { kind: 'problem', door, path, problem: read.error });
  return read;
}

/** Roughly what an answer takes, in bytes. */
function sizeOf(answer: NewAnswer): number {
  switch (answer.kind) {
    case 'command':
      return answer.stdout.length + answer.stderr.length + (answer.stdin?.length ?? 0);
    case 'file':
      return answer.content.length;
    case 'folder':
      return answer.names.reduce((sum, name) => sum + name.length + 1, 0);
    case 'probe':
      return JSON.stringify(answer.answer).length;
    default:
      return 100;
  }
}
