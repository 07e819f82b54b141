import type { ChildProcess } from '../base/exec.ts';
import { lineCutter } from '../wire/lines.ts';
import { menuLines, noteLines, parseHelperLine, stateLine, toLine, type HelperWord } from './helper-lines.ts';
import { isAction, type ActionId, type Tray, type TrayEvents } from './view.ts';

/** Bytes of a line that a helper may say. */
const MAX_LINE = 1_024;
/** Milliseconds for the helper to end by itself. */
const END_MS = 3_000;
/** Milliseconds for an answer. */
const ANSWER_MS = 5_000;
const START_MS = 60_000;

/** A tray that a native helper shows; it opens pages too, since the system asks for a native call for that. */
export type HelperTray = Tray & { open(url: string): Promise<boolean> };

/**
 * Speaks with the helper, a program of ours that runs as this user and ends with us. Null where another one runs in
 * this session already. Rejects when it does not start.
 */
export async function openHelperTray(child: ChildProcess, events: TrayEvents): Promise<HelperTray | null> {
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error('the helper was started without pipes');
  let actions: ReadonlyMap<string, ActionId> = new Map();
  let generation = 0;
  const answers = createAnswers();
  let isClosing = false;
  const take = (said: HelperWord) => {
    if (said.word === 'click') {
      const action = actions.get(said.id);
      if (action !== undefined) events.onAction(action, null);
    } else if (said.word === 'note') events.onAction(isAction(said.id) ? said.id : 'open', null);
    else if (said.word === 'open') events.onAction('open', null);
    else if (said.word === 'dismissed') events.onDismissed();
    else answers.take(said);
  };
  listen(child, take);
  const gone = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`the helper did not start: ${error.message}`));
    child.once('close', () => resolve('the helper has ended'));
  });
  stdin.on('error', () => {});
  const start = await Promise.race([answers.wait(['ready', 'already'], START_MS), gone]);
  if (typeof start === 'string') throw new Error(start);
  if (start?.word === 'already') return null;
  if (start === null) throw new Error('the helper does not answer');
  void gone.then((why) => isClosing || events.onGone(why));
  const say = (...lines: string[]) => void (stdin.destroyed || stdin.write(lines.join('')));
  return {
    show(view) {
      const menu = menuLines(view.menu, (generation += 1));
      actions = menu.actions;
      say(stateLine(view), ...menu.lines);
    },
    notify: (note) => say(...noteLines(note)),
    withdraw: () => say(toLine('W')),
    async isQuiet() {
      say(toLine('?'));
      const said = await answers.wait(['quiet'], ANSWER_MS);
      return said?.word === 'quiet' ? said.quiet : null;
    },
    async open(url) {
      say(toLine('O', url));
      const said = await answers.wait(['opened'], ANSWER_MS);
      return said?.word === 'opened' && said.ok;
    },
    async close() {
      isClosing = true;
      say(toLine('X'));
      stdin.end();
      const timer = setTimeout(() => void child.kill(), END_MS);
      await gone;
      clearTimeout(timer);
    },
  };
}

function listen({ stdout }: ChildProcess, take: (said: HelperWord) => void): void {
  const cut = lineCutter(MAX_LINE);
  stdout?.on('data', (chunk: Buffer) => {
    for (const line of cut(chunk) ?? []) {
      const said = parseHelperLine(line);
      if (said !== null) take(said);
    }
  });
}

/** Answers in the order in which they were asked for. */
function createAnswers() {
  const waiting: { words: readonly string[]; settle: (said: HelperWord | null) => void }[] = [];
  return {
    take(said: HelperWord) {
      const index = waiting.findIndex(({ words }) => words.includes(said.word));
      waiting.splice(index, index < 0 ? 0 : 1)[0]?.settle(said);
    },
    /** Null when it does not come in time. */
    wait(words: readonly HelperWord['word'][], ms: number): Promise<HelperWord | null> {
      return new Promise((resolve) => {
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(one), 1);
          resolve(null);
        }, ms);
        const one = {
          words,
          settle(said: HelperWord | null) {
            clearTimeout(timer);
            resolve(said);
          },
        };
        waiting.push(one);
      });
    },
  };
}
