import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { Unreachable, type TrayClient } from '../../src/tray/client.ts';
import { createSession } from '../../src/tray/session.ts';
import type { PromptMemory } from '../../src/tray/prompt.ts';
import type { Note, Tray, View } from '../../src/tray/view.ts';
import type { TrayAnswer, TrayAsk, TrayStatus } from '../../src/wire/tray.ts';
import { problemOf, statusOf } from '../support/tray-agent.ts';
import { waitFor } from '../support/wait-for.ts';

const HOUR = 3_600_000;

/** A session whose screen and agent are this test; its clock is an hour ahead of the agent's. */
function start(first: TrayStatus | null, { isQuiet = false as boolean | null, page = true } = {}) {
  const views: View[] = [];
  const notes: Note[] = [];
  const asked: TrayAsk[] = [];
  const kept: PromptMemory[] = [];
  const screen = { quietAsked: 0, withdrawn: 0, pages: 0 };
  let status = first;
  let answer: (request: TrayAsk) => Promise<TrayAnswer> = async () => {
    throw new Unreachable('gone');
  };
  const listeners = new Set<(status: TrayStatus | null) => void>();
  const client: TrayClient = {
    get status() {
      return status;
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ask(request) {
      asked.push(request);
      return answer(request);
    },
    run: async () => {},
  };
  const tray: Tray = {
    show: (view) => views.push(view),
    notify: (note) => notes.push(note),
    withdraw: () => (screen.withdrawn += 1),
    async isQuiet() {
      screen.quietAsked += 1;
      return isQuiet;
    },
    close: async () => {},
  };
  const session = createSession({
    client,
    locale: { language: 'en', dates: 'en-GB' },
    clock: { ...systemClock, now: () => Date.now() + HOUR },
    memory: { read: async () => null, write: async (memory) => void kept.push(memory) },
    openPage: async () => {
      screen.pages += 1;
      return page;
    },
  });
  const control = new AbortController();
  const running = session.run(tray, control.signal);
  return {
    session,
    running,
    views,
    notes,
    asked,
    kept,
    screen,
    stop: async () => {
      control.abort();
      return running;
    },
    answerWith: (next: typeof answer) => (answer = next),
    say(next: TrayStatus | null) {
      status = next;
      for (const listener of listeners) listener(status);
    },
  };
}

const now = () => new Date().toISOString();
const warned = () =>
  statusOf({
    at: now(),
    colour: 'amber',
    because: 'deadline',
    problems: [
      problemOf({
        since: new Date(Date.now() - HOUR).toISOString(),
        deadline: new Date(Date.now() + HOUR / 2).toISOString(),
      }),
    ],
  });

test('a deadline counts by the agent’s clock, whatever this computer’s says', async () => {
  // Half an hour to go; by the clock here it would have passed half an hour ago.
  const { notes, kept, stop } = start(warned());
  const note = await waitFor('the reminder', () => notes[0]);
  expect(note.body).toMatch(/Please fix it by/);
  await waitFor('the memory', () => kept.some(({ showing }) => showing !== null));
  expect(await stop()).toBe('stopped');
});

test('somebody who presents is left alone, and asked about only when something is due', async () => {
  const quiet = start(warned(), { isQuiet: true });
  await waitFor('the question', () => quiet.screen.quietAsked > 0);
  expect(quiet.notes).toEqual([]);
  await quiet.stop();
  const well = start(statusOf({ at: now() }));
  well.say(statusOf({ at: now(), colour: 'grey', because: 'starting' }));
  await waitFor('grey', () => well.views.at(-1)?.colour === 'grey');
  expect(well.screen.quietAsked).toBe(0);
  await well.stop();
});

test('while it is being checked the menu says so; the same view is not shown twice', async () => {
  const { session, views, answerWith, asked, say, stop } = start(statusOf({ at: now() }));
  const done = Promise.withResolvers<TrayAnswer>();
  answerWith(() => done.promise);
  await waitFor('the first view', () => views.length === 1);
  say(statusOf({ at: now() }));
  expect(views).toHaveLength(1);
  session.events.onAction('recheck', null);
  await waitFor('checking', () => JSON.stringify(views.at(-1)).includes('Checking'));
  expect(asked).toEqual([{ verb: 'recheck' }]);
  done.resolve({ id: 1, ok: true, status: statusOf(), text: null });
  await waitFor('the end of it', () => !JSON.stringify(views.at(-1)).includes('Checking'));
  await stop();
});

test('what was asked for and not done is said, with what to do', async () => {
  const { session, notes, answerWith, stop } = start(null, { page: false });
  session.events.onAction('reconnect', null);
  await waitFor('no agent', () => notes[0]?.body.includes('does not answer'));
  answerWith(async () => ({ id: 1, ok: false, code: 'held', text: 'nein' }));
  session.events.onAction('snooze-4', null);
  await waitFor('held', () => notes[1]?.body.includes('paused until'));
  session.events.onAction('open', null);
  await waitFor('no browser', () => notes[2]?.title.includes('browser'));
  expect(notes).toHaveLength(3);
  await stop();
});

test('it ends when the desktop does', async () => {
  const { session, running } = start(null);
  session.events.onGone('the session bus is gone');
  expect(await running).toBe('the session bus is gone');
});
