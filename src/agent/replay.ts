import {
  NO_QUESTIONS,
  type AgentSelf,
  type FileProblem,
  type FileStatus,
  type Host,
  type Output,
  type ProbeAnswer,
  type Questions,
} from '../../collectors/check.ts';
import { err, ok, type Result } from '../base/result.ts';

export type RecordedCommand = {
  /** Absolute path and arguments. */
  argv: readonly string[];
  stdin?: string;
  as?: string;
  stdout: string;
  stderr: string;
  exit: number;
  /** Why there was no ordinary answer; `exit` means nothing then. */
  failure?: NonNullable<Output['failure']>;
};

/** Which of the host's questions about a path was asked. */
export const DOORS = ['file', 'folder', 'link', 'status'] as const;
export type Door = (typeof DOORS)[number];

/** A path that is there and could not be looked at. */
export type RecordedProblem = { door: Door; path: string; problem: Exclude<FileProblem, 'missing'> };

/** Everything that a machine answered. Whatever is not in it does not exist on that machine. */
export type Recording = {
  root: boolean;
  commands: readonly RecordedCommand[];
  files: ReadonlyMap<string, Uint8Array>;
  dirs: ReadonlyMap<string, readonly string[]>;
  links: ReadonlyMap<string, string>;
  probes: ReadonlyMap<string, ProbeAnswer>;
  statuses?: ReadonlyMap<string, FileStatus>;
  problems?: readonly RecordedProblem[];
  self?: AgentSelf;
  questions?: Questions;
};

export type ReplayHost = Host & {
  /** Whether anything that the recording holds has been asked for. */
  asked(): boolean;
};

/** What a machine’s agent says of itself where the recording does not tell. */
export const REPLAYED_SELF: AgentSelf = {
  version: '0.0.0',
  startedAt: '1970-01-01T00:00:00.000Z',
  keyProtection: null,
  integrity: null,
  spoolDropped: 0,
  crashes: 0,
  managed: [],
};

/** A host that answers from a recording: the same readers, no operating system. */
export function replayHost(recording: Recording): ReplayHost {
  let touched = false;
  const found = <T>(value: T | undefined): Result<T, 'missing'> => {
    if (value === undefined) return err('missing');
    touched = true;
    return ok(value);
  };
  const problems = new Map(
    recording.problems?.map(({ door, path, problem }) => [`${door} ${path}`, problem]),
  );
  const look = <T>(door: Door, path: string, value: T | undefined): Result<T, FileProblem> => {
    const problem = value === undefined ? found(problems.get(`${door} ${path}`)) : err('missing');
    return problem.ok ? err(problem.value) : found(value);
  };
  return {
    isRoot: recording.root,
    self: recording.self ?? REPLAYED_SELF,
    questions: recording.questions ?? NO_QUESTIONS,
    cache: { get: () => undefined, set() {} },
    asked: () => touched,
    async run(command, argv, options = {}) {
      const asked = [command.path, ...argv];
      const answer = recording.commands.find((one) => answers(one, asked, options.stdin, options.as));
      if (!answer) return NOT_FOUND;
      touched = true;
      const { stdout, stderr, exit, failure = null } = answer;
      return { stdout, stderr, code: failure === null ? exit : null, failure };
    },
    async readText(path) {
      const bytes = look('file', path, recording.files.get(path));
      return bytes.ok ? ok(new TextDecoder().decode(bytes.value)) : bytes;
    },
    async readBytes(path) {
      return look('file', path, recording.files.get(path));
    },
    async list(path) {
      const names = look('folder', path, recording.dirs.get(path));
      return names.ok ? ok([...names.value].toSorted()) : names;
    },
    async readLink(path) {
      return look('link', path, recording.links.get(path));
    },
    async status(path) {
      return look('status', path, recording.statuses?.get(path));
    },
    async probe(name) {
      const answer = found(recording.probes.get(name));
      return answer.ok ? answer.value : null;
    },
  };
}

const NOT_FOUND: Output = { stdout: '', stderr: '', code: null, failure: 'not-found' };

function answers(recorded: RecordedCommand, asked: readonly string[], stdin?: string, as?: string): boolean {
  if ((recorded.as ?? undefined) !== as && recorded.as !== undefined) return false;
  if (recorded.stdin !== undefined && recorded.stdin !== stdin) return false;
  return same(recorded.argv, asked) || coversColumns(recorded.argv, asked);
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, index) => word === b[index]);
}

/** Options whose value is a list of columns that the output names itself, so that more of them do no harm. */
const COLUMN_OPTIONS: Record<string, readonly string[]> = {
  systemctl: ['-p', '--property'],
  lsblk: ['-o', '--output'],
};

/** True when both ask the same tool for the same thing and the recording merely holds more columns. */
function coversColumns(recorded: readonly string[], asked: readonly string[]): boolean {
  const tool = asked[0]?.split('/').at(-1) ?? '';
  const options = COLUMN_OPTIONS[tool];
  if (!options || recorded[0] !== asked[0]) return false;
  const have = splitColumns(recorded, options);
  const want = splitColumns(asked, options);
  // Without a list the tool prints everything (`lsblk -O`, `systemctl show UNIT`).
  if (!same(have.rest, want.rest)) return false;
  return (
    have.columns === null ||
    (want.columns !== null && want.columns.every((name) => have.columns?.includes(name)))
  );
}

function splitColumns(
  argv: readonly string[],
  options: readonly string[],
): { columns: string[] | null; rest: string[] } {
  const rest: string[] = [];
  let columns: string[] | null = null;
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    const inline = options.find((option) => option.startsWith('--') && word.startsWith(`${option}=`));
    if (inline) columns = [...(columns ?? []), ...word.slice(inline.length + 1).split(',')];
    else if (options.includes(word)) {
      index += 1;
      columns = [...(columns ?? []), ...(argv[index] ?? '').split(',')];
    } else if (!EVERYTHING.has(word)) rest.push(word);
  }
  return { columns, rest };
}

const EVERYTHING = new Set(['-O', '--output-all']);
