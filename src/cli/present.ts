import { styleText } from 'node:util';
import { EXIT_FAILED } from './exit-codes.ts';

/** How commands speak to people: tables and colours on standard output, progress on standard error. */
export type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'bold';

/** `text` in a colour, or as it is where standard output is no terminal or NO_COLOR is set. */
export function paint(colour: Colour, text: string): string {
  return styleText(colour, text, { stream: process.stdout, validateStream: true });
}

/** A reader that has seen enough (`| head`) ends us quietly, as it does every other command; a full disk does not. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (delivering) return;
  if (error.code === 'EPIPE') process.exit();
  complain(`Standard output cannot be written (${error.message}).`);
  process.exit(EXIT_FAILED);
});

let delivering = false;

/** Says what nobody can be shown again. Rejects when it could not be written, whatever the reason. */
export async function deliver(text: string): Promise<void> {
  delivering = true;
  try {
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(`${text}\n`, (error) => (error ? reject(error) : resolve()));
    });
  } finally {
    delivering = false;
  }
}

export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** For what goes wrong: standard output stays what was asked for. */
export function complain(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** One JSON document, for programs. */
export function sayJson(value: unknown): void {
  say(asJson(value));
}

export function asJson(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

const WIDEST_COLUMN = 60;

/** A table without borders; `head` may be empty. Long cells are wrapped; what the system said is stripped of control characters. */
export async function table(head: readonly string[], rows: readonly (readonly string[])[]): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const lines = new Table({
    ...(head.length === 0 ? {} : { head: head.map((title) => paint('bold', title)) }),
    colWidths: widths(head, rows),
    wordWrap: true,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: NO_BORDERS,
  });
  lines.push(...rows.map((row) => row.map(printable)));
  return lines
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** Without control characters other than the colours' own. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/\u001B(?!\[[0-9;]*m)|[\u0000-\u001A\u001C-\u001F\u007F-\u009F]/g, ' ');
}

function widths(head: readonly string[], rows: readonly (readonly string[])[]): number[] {
  const columns = Math.max(head.length, rows[0]?.length ?? 0);
  return Array.from({ length: columns }, (_, column) => {
    const longest = Math.max(
      head[column]?.length ?? 0,
      ...rows.map((row) => plain(row[column] ?? '').length),
    );
    return Math.min(longest, WIDEST_COLUMN) + 2;
  });
}

function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- colours are control characters
  return text.replace(/\u001B\[[0-9;]*m/g, '');
}

const BORDERS = 'top bottom left right'.split(' ');
const CROSSINGS =
  'mid middle left-mid mid-mid right-mid top-mid top-left top-right bottom-mid bottom-left bottom-right';
const NO_BORDERS = Object.fromEntries([...BORDERS, ...CROSSINGS.split(' ')].map((part) => [part, '']));

/** What takes longer than this is shown to be at work. */
const PATIENCE_MS = 1_000;

/** Runs `action`; on a terminal, after a second, with a spinner and `title` on standard error. */
export async function withProgress<T>(title: string, action: () => Promise<T>): Promise<T> {
  const running = action();
  if (!process.stderr.isTTY || (await settlesWithin(PATIENCE_MS, running))) return running;
  const { Listr, ListrLogger, ProcessOutput } = await import('listr2');
  const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
  const task = async () => {
    // Its failure is told by whoever asked; the spinner only ends.
    await running.catch(() => {});
  };
  await new Listr([{ title, task }], { rendererOptions: { logger } }).run();
  return running;
}

async function settlesWithin(ms: number, running: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false as const);
  });
  const settled = await Promise.race([
    running.then(
      () => true,
      () => true,
    ),
    late,
  ]);
  clearTimeout(timer);
  return settled;
}
