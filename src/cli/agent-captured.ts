import { REDACTIONS, type Tally } from '../agent/redact-aliases.ts';
import type { Redacted } from '../agent/redact.ts';
import type { Answer } from '../agent/recorder.ts';

/** One line of what a capture holds: an answer, or many alike, such as one file of each process. */
export type Content = {
  kind: Answer['kind'];
  source: string;
  answers: number;
  /** Of the answer itself, without the question. */
  bytes: number;
  redacted: Tally;
};

const KINDS: readonly Answer['kind'][] = ['command', 'probe', 'file', 'folder', 'link', 'status', 'problem'];

/** Commands first, then files and folders, each by its name. */
export function contentsOf(redacted: readonly Redacted[]): Content[] {
  return KINDS.flatMap((kind) => {
    const own = redacted.filter(({ answer }) => answer.kind === kind);
    const groups = Map.groupBy(own, ({ answer }) => sourceOf(answer));
    return [...groups.keys()].toSorted().map((source) => contentOf(kind, source, groups.get(source) ?? []));
  });
}

function contentOf(kind: Answer['kind'], source: string, members: readonly Redacted[]): Content {
  return {
    kind,
    source,
    answers: members.length,
    bytes: members.reduce((sum, { answer }) => sum + bytesOf(answer), 0),
    redacted: sumOf(members.map(({ tally }) => tally)),
  };
}

const WIDEST_SOURCE = 56;

/** One row of the table that is shown; `--json` has sources in full. */
export function rowOf({ kind, source, answers, bytes, redacted }: Content): string[] {
  const cut = source.length > WIDEST_SOURCE ? `${source.slice(0, WIDEST_SOURCE - 1)}…` : source;
  return [kind, answers === 1 ? cut : `${cut} (${answers})`, String(bytes), redactedWords(redacted)];
}

/** `2 names, 1 secret` */
function redactedWords(tally: Tally): string {
  return REDACTIONS.flatMap((kind) => {
    const count = tally[kind] ?? 0;
    if (count === 0) return [];
    const plural = kind === 'address' ? 'addresses' : `${kind}s`;
    return [`${count} ${count === 1 ? kind : plural}`];
  }).join(', ');
}

/** Processes and their open files come and go: theirs count together. */
function sourceOf(answer: Answer): string {
  return nameOf(answer)
    .replaceAll(/\/proc\/\d+(?=\/|$)/g, '/proc/PID')
    .replace(/(\/proc\/PID\/fd\/)\d+/, '$1N');
}

function nameOf(answer: Answer): string {
  switch (answer.kind) {
    case 'command':
      return `${answer.argv.join(' ')}${answer.as === undefined ? '' : ` (as ${answer.as})`}`;
    case 'problem':
      return `${answer.path}: ${answer.problem}`;
    case 'probe':
      return answer.name;
    default:
      return answer.path;
  }
}

function bytesOf(answer: Answer): number {
  switch (answer.kind) {
    case 'command':
      return Buffer.byteLength(answer.stdout) + Buffer.byteLength(answer.stderr);
    case 'file':
      return answer.content.length;
    case 'folder':
      return Buffer.byteLength(answer.names.join('\n'));
    case 'link':
      return Buffer.byteLength(answer.target);
    case 'probe':
      return Buffer.byteLength(JSON.stringify(answer.answer));
    default:
      return 0;
  }
}

function sumOf(tallies: readonly Tally[]): Tally {
  const entries = REDACTIONS.map(
    (kind) => [kind, tallies.reduce((sum, tally) => sum + (tally[kind] ?? 0), 0)] as const,
  );
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}
