import { helpFor, openerOf, type PaneId } from '../../collectors/help.ts';
import { isCheckId } from '../../collectors/specs.ts';
import { remedyOf, stepsOf, variantsOf, wordsOf, type Computer } from '../../collectors/words.ts';
import { SNOOZE_HOURS, type Colour, type TrayProblem, type TrayStatus } from '../wire/tray.ts';
import { showMoment, type Language, type Locale } from './locale.ts';
import { pageWordsIn, type PageWords } from './page-words.ts';
import { fill, wordsIn } from './words.ts';

export type ProblemView = {
  /** The same for the same problem, so that focus stays where it is. */
  key: string;
  check: string;
  level: TrayProblem['level'];
  title: string;
  badge: string;
  why: string;
  deadline: string | null;
  consequence: string;
  takes: string;
  steps: readonly string[];
  /** What was found, in English: phrases of the checks. */
  found: string | null;
  pane: { id: PaneId; label: string } | null;
  fixes: readonly { fix: string; label: string; change: string }[];
  /** Null where reading again changes nothing; `onlyServer` says so then. */
  recheck: string | null;
  onlyServer: string | null;
  since: string | null;
  snoozed: string | null;
};

/** All that the page shows, in words of one language: the browser only puts it up. */
export type PageView = {
  language: Language;
  languages: readonly { code: Language; name: string }[];
  title: string;
  colour: Colour;
  headline: string;
  detail: string;
  checked: string;
  recheckAll: string;
  problemsTitle: string;
  problems: readonly ProblemView[];
  snooze: { title: string; choices: readonly { hours: number; label: string }[] } | null;
  vpn: {
    title: string;
    state: string;
    detail: string | null;
    reconnect: string | null;
    pane: { id: PaneId; label: string } | null;
  } | null;
  days: {
    title: string;
    none: string;
    rows: readonly { at: string; colour: Colour; word: string; text: string }[];
  };
  collected: {
    title: string;
    intro: string;
    rows: readonly { name: string; text: string }[];
    notes: readonly string[];
  };
  about: { title: string; rows: readonly { name: string; text: string }[] };
  /** What is said while and after something is done. */
  say: Pick<PageWords, 'checking' | 'working' | 'fixed' | 'stillThere' | 'allChecked' | 'noPane'> & {
    reconnected: string;
    language: string;
    unreachable: string;
  };
};

const NAMES: Record<Language, string> = { en: 'English', de: 'Deutsch' };

/** Changes of colour that are shown. */
const MOST_DAYS = 12;

/** Pure. `status` is null while the agent does not answer. */
export function pageView(status: TrayStatus | null, locale: Locale, desktop: string | null): PageView {
  const { language } = locale;
  const words = pageWordsIn(language);
  const frame = {
    language,
    languages: Object.entries(NAMES).map(([code, name]) => ({ code: code as Language, name })),
    title: words.title,
    recheckAll: words.recheckAll,
    problemsTitle: words.problems,
    say: sayIn(language, words),
  };
  if (status === null) return { ...frame, ...nothingKnown(words) };
  const computer: Computer = { ...status.device, desktop };
  const problems = status.problems.map((one) => problemView(one, { status, computer, locale, words }));
  const { lastReportAt } = status.agent;
  return {
    ...frame,
    colour: status.colour,
    headline: headlineOf(status, language, words),
    detail: detailOf(status, words),
    checked:
      lastReportAt === null
        ? words.notChecked
        : fill(words.checked, { moment: showMoment(lastReportAt, locale) }),
    problems,
    snooze: snoozeOf(status, words),
    vpn: vpnOf(status, computer, locale, words),
    days: daysOf(status, locale, words),
    collected: collectedOf(status, language, words),
    about: aboutOf(status, locale, words),
  };
}

function sayIn(language: Language, words: PageWords): PageView['say'] {
  const { checking, working, fixed, stillThere, allChecked, noPane, vpn } = words;
  return {
    checking,
    working,
    fixed,
    stillThere,
    allChecked,
    noPane,
    reconnected: vpn.reconnected,
    language: words.language,
    unreachable: wordsIn(language).refusal.unreachable,
  };
}

function nothingKnown(words: PageWords) {
  return {
    colour: 'grey' as const,
    headline: words.unreachable,
    detail: words.unreachableBody,
    checked: '',
    problems: [],
    snooze: null,
    vpn: null,
    days: { title: words.days.title, none: words.days.none, rows: [] },
    collected: { title: words.collected.title, intro: '', rows: [], notes: [] },
    about: { title: words.about.title, rows: [] },
  };
}

/** How many there are says more than that there are any. */
function headlineOf({ because, problems, quiet }: TrayStatus, language: Language, words: PageWords): string {
  const isCounted = because === 'deadline' || because === 'advice';
  return isCounted && !quiet && problems.length > 0
    ? countOf(problems, words)
    : wordsIn(language).headline[because];
}

function detailOf({ because, problems, quiet }: TrayStatus, words: PageWords): string {
  const isCounted = because === 'deadline' || because === 'advice';
  return isCounted || quiet || problems.length === 0 ? '' : countOf(problems, words);
}

function countOf({ length: count }: TrayStatus['problems'], { toFix }: PageWords): string {
  return count === 1 ? toFix.one : fill(toFix.many, { count });
}

type Around = { status: TrayStatus; computer: Computer; locale: Locale; words: PageWords };

function problemView(problem: TrayProblem, { status, computer, locale, words }: Around): ProblemView {
  const { check, reason, level, expected, given, sentence, deadline, since } = problem;
  const { language } = locale;
  const remedy = remedyOf(language, reason);
  const help = isCheckId(check) ? helpFor(check, reason) : helpFor('tags', reason);
  return {
    key: `${check} ${reason}`,
    check,
    level,
    title: remedy?.action ?? sentence,
    badge: words.badge[level],
    why: remedy === null ? '' : `${remedy.title}. ${remedy.why}`,
    deadline: deadline === null ? null : fill(words.by, { moment: showMoment(deadline, locale) }),
    consequence: consequenceOf(problem, status, words),
    takes: words.takes[help.takes],
    steps: remedy === null ? [] : stepsOf(remedy, computer),
    found: given === '' ? null : fill(words.found, { given, expected }),
    pane: paneOf(help.pane, computer, words),
    fixes: problem.fixes.map(({ fix, means }) => ({ fix, ...words.fix[means] })),
    recheck: problem.mayRecheck ? words.recheck : null,
    onlyServer: problem.mayRecheck ? null : words.onlyServer,
    since: since === null ? null : fill(words.since, { moment: showMoment(since, locale) }),
    snoozed:
      problem.snoozedUntil === null
        ? null
        : fill(words.snooze.until, { moment: showMoment(problem.snoozedUntil, locale) }),
  };
}

/** What happens, and that nothing else does. */
function consequenceOf(
  { deadline, then, level }: TrayProblem,
  { colour }: TrayStatus,
  words: PageWords,
): string {
  if (deadline !== null && then !== null)
    return then === 'allow' ? words.then.allow : `${words.then[then]} ${words.limit}`;
  if (deadline !== null) return '';
  return colour === 'red' && level !== 'unknown' ? words.pausedNow : words.noDeadline;
}

function paneOf(id: PaneId | null, computer: Computer, words: PageWords): ProblemView['pane'] {
  if (id === null || openerOf(id, computer.platform, variantsOf(computer)) === null) return null;
  return { id, label: words.pane[id] };
}

function snoozeOf({ problems, quiet }: TrayStatus, words: PageWords): PageView['snooze'] {
  const canWait = problems.some(({ deadline, snoozedUntil }) => deadline !== null && snoozedUntil === null);
  if (!canWait || quiet) return null;
  const choices = SNOOZE_HOURS.map((hours) => ({ hours, label: words.snooze.hours[hours] }));
  return { title: words.snooze.title, choices };
}

function vpnOf({ vpn }: TrayStatus, computer: Computer, locale: Locale, words: PageWords): PageView['vpn'] {
  if (vpn === null) return null;
  const [holder] = vpn.held;
  const { noReconnect } = wordsIn(locale.language);
  const held =
    holder === undefined
      ? null
      : fill(words.vpn.held, {
          moment: showMoment(holder.since, locale),
          cause: words.vpn.cause[holder.cause],
        });
  const { reconnect } = vpn;
  const why = reconnect === 'possible' || reconnect === 'connected' ? null : noReconnect[reconnect];
  return {
    title: words.vpn.title,
    state: vpn.live ? words.vpn.connected : words.vpn.notConnected,
    detail: held ?? (reconnect === 'unsupported' || why === null ? null : sentence(why)),
    reconnect: reconnect === 'possible' ? words.vpn.reconnect : null,
    pane: reconnect === 'unsupported' ? paneOf('vpn', computer, words) : null,
  };
}

/** Menus say it after a dash; here it stands alone. */
function sentence(words: string): string {
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

function daysOf({ days }: TrayStatus, locale: Locale, words: PageWords): PageView['days'] {
  const { headline } = wordsIn(locale.language);
  const rows = days.slice(-MOST_DAYS).toReversed();
  return {
    title: words.days.title,
    none: words.days.none,
    rows: rows.map(({ at, colour, because }) => ({
      at: showMoment(at, locale),
      colour,
      word: words.colour[colour],
      text: headline[because],
    })),
  };
}

function collectedOf(
  { collected, agent }: TrayStatus,
  language: Language,
  words: PageWords,
): PageView['collected'] {
  const { checks } = wordsOf(language);
  const { title, intro, never, who, readOnly } = words.collected;
  return {
    title,
    intro: fill(intro, { server: agent.server === null ? '' : ` (${agent.server})` }),
    rows: collected.map(({ check }) => ({ name: checks[check].name, text: checks[check].collects })),
    notes: [never, who, readOnly],
  };
}

function aboutOf({ agent, device }: TrayStatus, locale: Locale, words: PageWords): PageView['about'] {
  const { about } = words;
  const moment = (at: string | null) => (at === null ? about.none : showMoment(at, locale));
  const since = moment(agent.connectionSince);
  return {
    title: about.title,
    rows: [
      { name: about.computer, text: device.display ?? device.platform },
      { name: about.version, text: agent.version },
      { name: about.server, text: agent.server ?? about.none },
      {
        name: about.connection,
        text: agent.connected
          ? fill(about.connected, { moment: since })
          : fill(about.offline, { moment: since, why: agent.offline ?? '' }),
      },
      { name: about.lastReport, text: moment(agent.lastReportAt) },
      { name: about.lastHeard, text: moment(agent.lastAckAt) },
    ],
  };
}
