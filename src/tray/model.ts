import {
  SNOOZE_HOURS,
  type SnoozeHours,
  type TrayProblem,
  type TrayRefusal,
  type TrayStatus,
  type TrayVpn,
} from '../wire/tray.ts';
import { UNREACHABLE } from '../wire/tray-colour.ts';
import { showMoment, type Locale } from './locale.ts';
import type { Prompt } from './prompt.ts';
import { titleOf, whyOf } from './problem-words.ts';
import type { MenuEntry, MenuItem, Note, View } from './view.ts';
import { fill, wordsIn, type Words } from './words.ts';

const PRODUCT = 'Drawbridge';
const HOUR_MS = 3_600_000;

/** The most that a title may have on every system. */
const MAX_TITLE = 60;

/** What is known: the agent's last word, or null while it does not answer. */
export type Known = {
  status: TrayStatus | null;
  /** Whether "check again" is being answered. */
  isChecking: boolean;
  locale: Locale;
  /** Milliseconds by the agent's clock. */
  now: number;
};

/** Icon, tooltip and menu: the same on every system. */
export function viewOf(known: Known): View {
  const words = wordsIn(known.locale.language);
  const { colour, because } = known.status ?? UNREACHABLE;
  const detail = headline(known, words);
  const menu = known.status === null ? bareMenu(detail, words) : menuOf(known, known.status, detail, words);
  return { colour, title: `${PRODUCT}: ${words.state[because]}`, detail, menu };
}

function headline({ status, locale, now }: Known, words: Words): string {
  const { colour, because } = status ?? UNREACHABLE;
  const count = status?.problems.length ?? 0;
  if (status === null || count === 0 || because === 'observed') return words.headline[because];
  const todo = toFix(status.problems, locale, now, words);
  if (colour === 'red') return `${words.headline[because]}: ${todo}`;
  return colour === 'amber' ? todo : words.headline[because];
}

function toFix(problems: readonly TrayProblem[], locale: Locale, now: number, { toFix }: Words): string {
  const count = problems.length;
  const first = earliest(problems);
  if (first === null || Date.parse(first) <= now)
    return count === 1 ? toFix.one : fill(toFix.many, { count });
  return fill(count === 1 ? toFix.oneBy : toFix.manyBy, { count, moment: showMoment(first, locale) });
}

/** The first deadline of all, ISO 8601; null where there is none. */
function earliest(problems: readonly TrayProblem[]): string | null {
  return (
    problems.flatMap(({ deadline }) => deadline ?? []).toSorted((a, b) => Date.parse(a) - Date.parse(b))[0] ??
    null
  );
}

function bareMenu(detail: string, { menu }: Words): MenuEntry[] {
  return [text(detail), line, item('open', menu.details)];
}

function menuOf(known: Known, status: TrayStatus, detail: string, words: Words): MenuEntry[] {
  const [first] = status.problems;
  const todo = first === undefined ? [] : [item('open', `${titleOf(first, known.locale.language)} …`)];
  return [
    text(detail),
    ...snoozedLine(known, status, words),
    line,
    ...todo,
    recheckItem(known, status, words),
    ...snoozeMenu(known, status, words),
    line,
    item('open', words.menu.details),
    ...reconnectItem(status.vpn, words),
  ];
}

function recheckItem({ isChecking }: Known, { problems }: TrayStatus, { menu }: Words): MenuItem {
  if (isChecking) return text(menu.checking);
  return item('recheck', problems.length > 0 ? menu.checkAgain : menu.checkNow);
}

/** Until when reminders are put off, where they are. */
function snoozedLine({ locale, now }: Known, { problems }: TrayStatus, { menu }: Words): MenuItem[] {
  const until = problems[0]?.snoozedUntil ?? null;
  if (until === null || Date.parse(until) <= now) return [];
  return [text(fill(menu.snoozed, { moment: showMoment(until, locale) }))];
}

/** Only what ends before the deadline is offered; nothing where there is no deadline that could be put off. */
function snoozeMenu({ now }: Known, { problems, quiet }: TrayStatus, { menu }: Words): MenuEntry[] {
  const deadline = earliest(problems);
  if (quiet || deadline === null || Date.parse(deadline) <= now) return [];
  const hours = snoozeChoices(problems, now);
  if (hours.length === 0) return [text(`${menu.snooze}: ${menu.tooLate}`)];
  const items = hours.map((one) => item(`snooze-${one}`, menu.hours[one]));
  return [{ kind: 'menu', label: menu.snooze, items }];
}

function snoozeChoices(problems: readonly TrayProblem[], now: number): SnoozeHours[] {
  const deadline = earliest(problems);
  if (deadline === null) return [];
  return SNOOZE_HOURS.filter((hours) => now + hours * HOUR_MS < Date.parse(deadline));
}

function reconnectItem(vpn: TrayVpn | null, { menu, noReconnect }: Words): MenuItem[] {
  if (vpn === null) return [];
  if (vpn.reconnect === 'possible') return [item('reconnect', menu.reconnect)];
  const label = `${menu.reconnect}: ${noReconnect[vpn.reconnect]}`;
  return [{ kind: 'item', action: 'reconnect', label, enabled: false }];
}

const line: MenuEntry = { kind: 'line' };

function text(label: string): MenuItem {
  return { kind: 'item', label, action: null, enabled: false };
}

function item(action: NonNullable<MenuItem['action']>, label: string): MenuItem {
  return { kind: 'item', label, action, enabled: true };
}

/** The notification for what is due. */
export function noteOf(due: Prompt, status: TrayStatus, locale: Locale, now: number): Note {
  const words = wordsIn(locale.language);
  switch (due.kind) {
    case 'problem':
      return problemNote(due.problem, status, locale, now, words);
    case 'paused':
      return pausedNote(due.problem, locale, words);
    case 'restored':
      return restoredNote(status, words);
  }
}

function problemNote(
  problem: TrayProblem,
  status: TrayStatus,
  locale: Locale,
  now: number,
  words: Words,
): Note {
  const { note, menu } = words;
  const [hours] = snoozeChoices([problem], now).toReversed();
  const later = hours === undefined ? [] : [{ action: `snooze-${hours}` as const, label: note.later }];
  return {
    title: shortened(titleOf(problem, locale.language)),
    body: sentences(whyOf(problem, locale.language), consequence(problem, status, locale, now, words)),
    colour: status.colour,
    urgent: false,
    buttons: [
      { action: 'open', label: note.show },
      ...(problem.mayRecheck ? [{ action: 'recheck' as const, label: menu.checkAgain }] : []),
      ...later,
    ],
  };
}

/** What happens when, and what does not. */
function consequence(
  { deadline, then }: TrayProblem,
  { colour }: TrayStatus,
  locale: Locale,
  now: number,
  { note }: Words,
): string {
  if (deadline === null || Date.parse(deadline) <= now) return colour === 'red' ? note.alreadyPaused : '';
  const sentence = {
    deny: note.pausesBy,
    quarantine: note.pausesBy,
    restrict: note.limitedBy,
    allow: note.fixBy,
  };
  return fill(then === null ? note.fixBy : sentence[then], { moment: showMoment(deadline, locale) });
}

function pausedNote(problem: TrayProblem | null, { language }: Locale, { note, menu }: Words): Note {
  const recheck =
    problem?.mayRecheck === true ? [{ action: 'recheck' as const, label: menu.checkAgain }] : [];
  return {
    title: note.paused,
    body: problem === null ? note.pausedBody : sentences(`${titleOf(problem, language)}.`, note.limits),
    colour: 'red',
    urgent: true,
    buttons: [{ action: 'open', label: note.show }, ...recheck],
  };
}

function restoredNote({ colour, vpn }: TrayStatus, { note, menu }: Words): Note {
  const reconnect =
    vpn?.reconnect === 'possible' ? [{ action: 'reconnect' as const, label: menu.reconnect }] : [];
  return { title: note.restored, body: note.restoredBody, colour, urgent: false, buttons: reconnect };
}

/** Something that the person asked for did not work. */
export function failureNote(why: TrayRefusal | 'unreachable', { language }: Locale): Note {
  const { note, refusal } = wordsIn(language);
  return { title: note.failed, body: refusal[why], colour: 'grey', urgent: false, buttons: [] };
}

export function noBrowserNote(locale: Locale): Note {
  const { note } = wordsIn(locale.language);
  return { title: note.noBrowser, body: note.noBrowserBody, colour: 'grey', urgent: false, buttons: [] };
}

function sentences(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n');
}

function shortened(title: string): string {
  return title.length <= MAX_TITLE ? title : `${title.slice(0, MAX_TITLE - 1).trimEnd()}…`;
}
