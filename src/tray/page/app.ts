import type { PageView, ProblemView } from '../page-view.ts';

/* The browser's part: puts up what the tray says, and asks for what is clicked. Nothing is kept but the token. */

type Child = Node | string | null;

const page = document.querySelector('#page') as HTMLElement;
const live = document.querySelector('#live') as HTMLElement;
const TOKEN = 'token';
const LANGUAGE = 'language';
/** Milliseconds between attempts while the tray itself does not answer. */
const RETRY_MS = 3_000;
const SAID_MS = 8_000;

let view: PageView | null = null;
let tag = '';
/** What is being done, by its button's key: it stays so when the page is drawn anew. */
const busy = new Map<string, string>();
const openDetails = new Set<string>();
let silence: ReturnType<typeof setTimeout> | undefined;
let waiting = new AbortController();

class Expired extends Error {}

async function call(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<unknown> {
  const headers: Record<string, string> = { authorization: `Bearer ${sessionStorage.getItem(TOKEN) ?? ''}` };
  if (body !== undefined) headers['content-type'] = 'application/json';
  const init: RequestInit = { method, headers, cache: 'no-store', credentials: 'omit' };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (signal !== undefined) init.signal = signal;
  const response = await fetch(path, init);
  if (response.status === 401 || response.status === 403) throw new Expired();
  if (!response.ok) throw new Error(String(response.status));
  return response.json();
}

/** The code is taken out of the address at once: it stays in no history. */
async function enter(): Promise<void> {
  const code = location.hash.slice(1);
  history.replaceState(null, '', '/');
  if (code === '') return;
  const { token } = (await call('POST', '/api/session', { code })) as { token: string };
  sessionStorage.setItem(TOKEN, token);
}

function query(after: string): string {
  const language = sessionStorage.getItem(LANGUAGE);
  const words = new URLSearchParams({ after, ...(language === null ? {} : { lang: language }) });
  return `?${words.toString()}`;
}

async function load(after: string, signal?: AbortSignal): Promise<void> {
  const found = (await call('GET', `/api/view${query(after)}`, undefined, signal)) as {
    tag: string;
    view: PageView;
  };
  tag = found.tag;
  view = found.view;
  draw(found.view);
}

async function follow(): Promise<void> {
  for (;;) {
    waiting = new AbortController();
    try {
      await load(tag, waiting.signal);
    } catch (error) {
      if (error instanceof Expired) return showExpired();
      if (!waiting.signal.aborted) await pause(RETRY_MS);
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function say(text: string): void {
  live.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => (live.textContent = ''), SAID_MS);
}

type Done = { ok: boolean; text?: string; detail?: string };

/** Does one thing, and says what came of it. `said` is asked once the newest state is on the page. */
async function act(key: string, request: object, label: string, said: () => string | null): Promise<void> {
  if (busy.has(key)) return;
  busy.set(key, label);
  say(label);
  redraw();
  try {
    const done = (await call('POST', `/api/do${query('')}`, request)) as Done;
    await load('');
    const text = done.ok ? said() : [done.text, done.detail].filter(Boolean).join(' ');
    if (text !== null) say(text);
  } catch (error) {
    if (error instanceof Expired) return showExpired();
    say(view?.say.unreachable ?? '');
  } finally {
    busy.delete(key);
    redraw();
  }
}

function redraw(): void {
  if (view !== null) draw(view);
}

function make(name: string, attributes: Record<string, string>, ...children: Child[]): HTMLElement {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

function button(key: string, label: string, onClick: () => void, isFirst = false): HTMLElement {
  const working = busy.get(key);
  const attributes: Record<string, string> = { type: 'button', 'data-key': key };
  if (isFirst) attributes.class = 'first';
  // Not `disabled`: that would take the focus away from whoever has just pressed it.
  if (working !== undefined) attributes['aria-disabled'] = 'true';
  const element = make('button', attributes, working ?? label);
  element.addEventListener('click', onClick);
  return element;
}

const GLYPHS: Record<string, string> = {
  green: 'M15 24.5l6 6 12-13',
  amber: 'M24 14v13M24 33.500v.1',
  red: 'M17 17l14 14M31 17L17 31',
  grey: 'M18.500 19.500c0-7 11-7 11 0 0 4.500-5.500 4.500-5.500 9M24 34v.1',
};

function glyph(colour: string): SVGElement {
  const svg = drawn('svg', { viewBox: '0 0 48 48', 'aria-hidden': 'true', class: colour });
  svg.append(
    drawn('path', {
      class: 'glyph-ground',
      d: 'M24 2 6 8.500V22c0 11 7.500 19.500 18 24 10.500-4.500 18-13 18-24V8.500z',
    }),
    drawn('path', { class: 'glyph', d: GLYPHS[colour] ?? '' }),
  );
  return svg;
}

function drawn(name: string, attributes: Record<string, string>): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** Draws all of it anew, and gives the focus back to what had it. */
function draw(shown: PageView): void {
  const focused = document.activeElement?.getAttribute('data-key') ?? null;
  document.documentElement.lang = shown.language;
  document.title = `${shown.headline} – ${shown.title}`;
  page.replaceChildren(
    bar(shown),
    state(shown),
    ...problems(shown),
    ...vpn(shown),
    ...days(shown),
    ...collected(shown),
    ...about(shown),
  );
  if (focused === null) return;
  const same = page.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`);
  // What had it may be done and gone: then the reader goes on at the top.
  (same ?? page.querySelector<HTMLElement>('h1'))?.focus();
}

function bar({ title, languages, language, say: words }: PageView): HTMLElement {
  const select = make('select', {
    'data-key': 'language',
    'aria-label': words.language,
  }) as HTMLSelectElement;
  for (const { code, name } of languages) {
    const option = make('option', { value: code, lang: code }, name) as HTMLOptionElement;
    option.selected = code === language;
    select.append(option);
  }
  select.addEventListener('change', () => {
    sessionStorage.setItem(LANGUAGE, select.value);
    tag = '';
    waiting.abort();
  });
  return make('div', { class: 'bar' }, make('span', {}, `Drawbridge · ${title}`), select);
}

function state({ colour, headline, detail, checked, recheckAll, say: words }: PageView): HTMLElement {
  const text = make(
    'div',
    {},
    make('h1', { tabindex: '-1', 'data-key': 'headline' }, headline),
    make('p', { class: 'quiet' }, [detail, checked].filter((part) => part !== '').join(' · ')),
  );
  const again = () =>
    void act('all', { verb: 'recheck' }, words.checking, () => view?.say.allChecked ?? null);
  return make(
    'section',
    { class: `card state ${colour}` },
    glyph(colour),
    text,
    button('all', recheckAll, again),
  );
}

function problems(shown: PageView): HTMLElement[] {
  const { problems: all, problemsTitle, snooze, say: words } = shown;
  if (all.length === 0) return [];
  const cards = all.map((one, index) => problem(one, index === 0, shown));
  if (snooze === null) return [make('h2', {}, problemsTitle), ...cards];
  const choices = snooze.choices.map(({ hours, label }) =>
    button(`snooze ${hours}`, label, () => {
      void act(
        `snooze ${hours}`,
        { verb: 'snooze', hours },
        words.working,
        () => view?.problems[0]?.snoozed ?? null,
      );
    }),
  );
  const later = make('div', { class: 'actions' }, make('span', { class: 'quiet' }, snooze.title), ...choices);
  return [make('h2', {}, problemsTitle), ...cards, later];
}

function problem(one: ProblemView, isFirst: boolean, { say: words }: PageView): HTMLElement {
  const tone = one.deadline === null && one.level === 'unknown' ? 'unknown' : one.level;
  const top = make(
    'div',
    { class: 'top' },
    make('h3', {}, one.title),
    make('span', { class: `badge ${tone}` }, one.badge),
  );
  const when = make(
    'div',
    { class: `when ${tone}` },
    one.deadline === null ? null : make('strong', {}, one.deadline),
    one.consequence,
    one.snoozed === null ? null : make('div', {}, one.snoozed),
  );
  const facts = [one.takes, one.since].filter((part) => part !== null).join(' · ');
  return make(
    'article',
    { class: 'card problem', 'aria-label': one.title },
    top,
    one.why === '' ? null : make('p', {}, one.why),
    one.deadline === null && one.consequence === '' ? null : when,
    one.steps.length === 0 ? null : make('ol', {}, ...one.steps.map((step) => make('li', {}, step))),
    one.onlyServer === null ? null : make('p', { class: 'quiet' }, one.onlyServer),
    actionsOf(one, isFirst, words),
    ...one.fixes.map((fix) => fixOf(one, fix, words)),
    make('p', { class: 'quiet facts' }, facts),
    one.found === null ? null : make('p', { class: 'quiet', lang: 'en' }, one.found),
  );
}

function actionsOf(one: ProblemView, isFirst: boolean, words: PageView['say']): HTMLElement {
  const { pane, recheck, check, key, title } = one;
  const buttons: HTMLElement[] = [];
  if (recheck !== null) {
    const request = check.startsWith('expression:') ? { verb: 'recheck' } : { verb: 'recheck', check };
    const again = () => void act(`check ${key}`, request, words.checking, () => outcomeOf(key, title));
    buttons.push(button(`check ${key}`, recheck, again, isFirst));
  }
  if (pane !== null) buttons.push(paneButton(key, pane));
  return make('div', { class: 'actions' }, ...buttons);
}

function paneButton(key: string, { id, label }: { id: string; label: string }): HTMLElement {
  return button(`pane ${key}`, label, () => void openPane(id));
}

async function openPane(pane: string): Promise<void> {
  try {
    const { ok } = (await call('POST', '/api/do', { verb: 'open', pane })) as Done;
    if (!ok) say(view?.say.noPane ?? '');
  } catch {
    say(view?.say.noPane ?? '');
  }
}

/** Whether what was done has helped. */
function outcomeOf(key: string, title: string): string | null {
  if (view === null) return null;
  const isLeft = view.problems.some((one) => one.key === key);
  return isLeft ? view.say.stillThere : view.say.fixed.replace('{action}', () => title);
}

function fixOf(
  one: ProblemView,
  { fix, label, change }: ProblemView['fixes'][number],
  words: PageView['say'],
): HTMLElement {
  const key = `fix ${fix}`;
  const begin = () => void act(key, { verb: 'fix', fix }, words.working, () => outcomeOf(one.key, one.title));
  return make(
    'div',
    { class: 'fix' },
    make('p', {}, change),
    make('div', { class: 'actions' }, button(key, label, begin)),
  );
}

function vpn({ vpn: shown, say: words }: PageView): HTMLElement[] {
  if (shown === null) return [];
  const { title, state: word, detail, reconnect, pane } = shown;
  const buttons: HTMLElement[] = [];
  if (reconnect !== null) {
    const dial = () =>
      void act('reconnect', { verb: 'reconnect' }, words.working, () => view?.say.reconnected ?? null);
    buttons.push(button('reconnect', reconnect, dial));
  }
  if (pane !== null) buttons.push(paneButton('vpn', pane));
  const card = make(
    'section',
    { class: 'card' },
    make('p', {}, make('strong', {}, word)),
    detail === null ? null : make('p', { class: 'quiet' }, detail),
    buttons.length === 0 ? null : make('div', { class: 'actions' }, ...buttons),
  );
  return [make('h2', {}, title), card];
}

function days({ days: { title, none, rows } }: PageView): HTMLElement[] {
  const items = rows.map(({ at, colour, word, text }) =>
    make(
      'li',
      { class: colour },
      make('span', { class: 'badge' }, word),
      make('span', {}, text),
      make('span', { class: 'quiet' }, at),
    ),
  );
  const content =
    rows.length === 0 ? make('p', { class: 'quiet' }, none) : make('ul', { class: 'days' }, ...items);
  return [make('h2', {}, title), make('section', { class: 'card' }, content)];
}

function collected({ collected: { title, intro, rows, notes } }: PageView): HTMLElement[] {
  if (rows.length === 0) return [];
  const content = [
    make('p', {}, intro),
    definitions(rows),
    make('div', { class: 'notes' }, ...notes.map((note) => make('p', {}, note))),
  ];
  return [folded('collected', title, content)];
}

function about({ about: { title, rows } }: PageView): HTMLElement[] {
  return rows.length === 0 ? [] : [folded('about', title, [definitions(rows)])];
}

function definitions(rows: readonly { name: string; text: string }[]): HTMLElement {
  return make(
    'dl',
    { class: 'rows' },
    ...rows.flatMap(({ name, text }) => [make('dt', {}, name), make('dd', {}, text)]),
  );
}

function folded(key: string, title: string, content: readonly HTMLElement[]): HTMLElement {
  const details = make(
    'details',
    { class: 'card' },
    make('summary', { 'data-key': key }, title),
    ...content,
  ) as HTMLDetailsElement;
  details.open = openDetails.has(key);
  details.addEventListener('toggle', () => {
    if (details.open) openDetails.add(key);
    else openDetails.delete(key);
  });
  return make('div', { class: 'fold' }, details);
}

/** The page may be shown before it knows its language: both are said. */
const EXPIRED: readonly [string, string, string][] = [
  ['en', 'This page has expired', 'Open it again from the Drawbridge icon: choose “Open details”.'],
  [
    'de',
    'Diese Seite ist abgelaufen',
    'Öffnen Sie sie noch einmal über das Drawbridge-Symbol: „Einzelheiten öffnen“.',
  ],
];

function showExpired(): void {
  sessionStorage.removeItem(TOKEN);
  const wanted = view?.language ?? (navigator.language.startsWith('de') ? 'de' : 'en');
  const [language, title, body] = EXPIRED.find(([one]) => one === wanted) ?? EXPIRED[0] ?? ['en', '', ''];
  document.documentElement.lang = language;
  document.title = title;
  page.replaceChildren(
    make(
      'section',
      { class: 'card state grey' },
      glyph('grey'),
      make('div', {}, make('h1', {}, title), make('p', { class: 'quiet' }, body)),
    ),
  );
}

async function start(): Promise<void> {
  try {
    await enter();
    await follow();
  } catch (error) {
    showExpired();
    if (!(error instanceof Expired)) throw error;
  }
}

void start();
