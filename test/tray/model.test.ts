import { describe, expect, test } from 'vitest';
import { localeFrom, showMoment } from '../../src/tray/locale.ts';
import { noteOf, viewOf } from '../../src/tray/model.ts';
import type { MenuItem, View } from '../../src/tray/view.ts';
import { COLOUR_REASONS, type TrayStatus } from '../../src/wire/tray.ts';
import { problemOf, statusOf } from '../support/tray-agent.ts';

const now = Date.parse('2026-11-24T09:00:00.000Z');
const hours = (count: number) => new Date(now + count * 3_600_000).toISOString();
const en = { language: 'en', dates: 'en-GB' } as const;
const de = { language: 'de', dates: 'de-DE' } as const;
const view = (status: TrayStatus | null, isChecking = false, locale: typeof en | typeof de = en) =>
  viewOf({ status, isChecking, locale, now });
const labels = ({ menu }: View) => menu.flatMap((entry) => (entry.kind === 'line' ? [] : [entry.label]));
const find = ({ menu }: View, action: MenuItem['action']) =>
  menu.find((entry): entry is MenuItem => entry.kind === 'item' && entry.action === action);

const warned = statusOf({
  colour: 'amber',
  because: 'deadline',
  problems: [
    problemOf({ deadline: hours(50), then: 'deny' }),
    problemOf({ reason: 'av-outdated', check: 'antivirus' }),
  ],
});

describe('icon and menu', () => {
  test('say what to do first, by when, and how', () => {
    const shown = view(warned);
    expect(shown.detail).toMatch(/^2 things to fix, the first by Thursday,? 26 November, \d\d:00$/);
    expect(labels(shown)).toEqual([
      shown.detail,
      'Turn on the firewall …',
      'I did this: check again',
      'Remind me later',
      'Open details …',
      'Reconnect VPN',
    ]);
  });

  test.each(COLOUR_REASONS)('have words for %s in both languages', (because) => {
    const status = statusOf({ because });
    expect(view(status).title).not.toBe(view(status, false, de).title);
    expect(view(status).detail).not.toBe(view(status, false, de).detail);
  });

  test('are grey without an agent, and the page can still be opened', () => {
    const shown = view(null);
    expect(shown).toMatchObject({ colour: 'grey', title: 'Drawbridge: not running' });
    expect(find(shown, 'open')?.enabled).toBe(true);
    expect(find(shown, 'recheck')).toBeUndefined();
  });

  test('offer only what puts reminders off until before the deadline', () => {
    const choices = (deadline: string) => {
      const problems = [problemOf({ deadline })];
      const entry = view(statusOf({ colour: 'amber', because: 'deadline', problems })).menu.find(
        ({ kind }) => kind === 'menu',
      );
      return entry?.kind === 'menu' ? entry.items.map(({ action }) => action) : null;
    };
    expect(choices(hours(30))).toEqual(['snooze-1', 'snooze-4', 'snooze-24']);
    expect(choices(hours(5))).toEqual(['snooze-1', 'snooze-4']);
    expect(choices(hours(0.5))).toBeNull();
    expect(choices(hours(-1))).toBeNull();
  });

  test('a VPN that cannot come up is grey in the menu and says why', () => {
    const held = statusOf({
      vpn: { driver: 'x', live: false, isolated: false, held: [], reconnect: 'held' },
    });
    expect(find(view(held), 'reconnect')).toMatchObject({
      enabled: false,
      label: 'Reconnect VPN: paused until this is fixed',
    });
  });

  test('while it is being checked, it is not asked again', () => {
    expect(find(view(warned, true), 'recheck')).toBeUndefined();
    expect(labels(view(warned, true))).toContain('Checking …');
  });
});

describe('a notification', () => {
  test('names the problem, why it matters, when what happens, and what does not', () => {
    const [problem] = warned.problems;
    const note = noteOf({ kind: 'problem', problem: problem! }, warned, de, now);
    expect(note.title).toBeTruthy();
    expect(note.body).toMatch(/am Donnerstag, 26\. November, \d\d:00 ausgesetzt/);
    expect(note.body).toContain('Sonst ändert sich an diesem Computer nichts.');
    expect(note.buttons.map(({ action }) => action)).toEqual(['open', 'recheck', 'snooze-24']);
    expect(note.urgent).toBe(false);
  });

  test('does not claim a consequence that nobody knows', () => {
    const problem = problemOf({ deadline: hours(50), then: null });
    const note = noteOf(
      { kind: 'problem', problem },
      statusOf({ colour: 'amber', because: 'deadline' }),
      en,
      now,
    );
    expect(note.body).not.toContain('VPN');
    expect(note.body).toContain('Please fix it by Thursday');
  });

  test('of a pause stays on the screen; one of its end offers to reconnect', () => {
    const paused = noteOf({ kind: 'paused', problem: null, key: 'x' }, warned, en, now);
    expect(paused).toMatchObject({ urgent: true, colour: 'red' });
    expect(noteOf({ kind: 'restored' }, statusOf(), en, now).buttons.map(({ action }) => action)).toEqual([
      'reconnect',
    ]);
  });

  test('of a reason that this version has no words for shows the sentence that came with it', () => {
    const problem = problemOf({
      reason: 'from-the-future' as 'firewall-off',
      sentence: 'The new thing is off.',
    });
    expect(noteOf({ kind: 'problem', problem }, warned, en, now).title).toBe('The new thing is off.');
  });
});

test('the language is the session’s, and English where there is none of ours', () => {
  expect(localeFrom({ LANG: 'de_AT.UTF-8' }, 'en-US')).toEqual({ language: 'de', dates: 'de-AT' });
  expect(localeFrom({ LANG: 'fr_FR.UTF-8' }, 'en-US')).toEqual({ language: 'en', dates: 'en' });
  expect(localeFrom({ LANG: 'C' }, 'de-DE')).toEqual({ language: 'de', dates: 'de-DE' });
  expect(localeFrom({ LC_ALL: 'en_GB', LANG: 'de_DE' }, '')).toEqual({ language: 'en', dates: 'en-GB' });
  expect(localeFrom({ LANG: '../../x' }, '')).toEqual({ language: 'en', dates: 'en' });
  expect(showMoment('2026-11-26T09:00:00.000Z', en)).toMatch(/^Thursday,? 26 November, \d\d:00$/);
});
