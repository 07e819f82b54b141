import { Parser } from 'htmlparser2';
import { err, ok, type Result } from '../base/result.ts';
import type { Baseline, WindowsRelease } from '../policy/baseline.ts';

/*
 * Microsoft publishes no feed of Windows releases, but pages of two kinds: the "release information" of the Windows
 * release health site (tables under "Version 24H2 (OS build 26100)"), and the update histories, whose links read
 * "September 8, 2026—KB5124008 (OS Builds 26200.9445 and 26100.9445)".
 */

type Windows = NonNullable<Baseline['windows']>;
type Update = WindowsRelease['updates'][number];

/** A cell of a table, or a text outside of tables, in the order of the page. */
type Piece = { kind: 'cell'; text: string; row: number } | { kind: 'text'; text: string };

const MAX_PIECES = 200_000;
const MAX_TEXT = 1_000;
const CELLS: ReadonlySet<string> = new Set(['td', 'th']);

/**
 * Reads one page as it was saved (HTML, or the Markdown that Microsoft Learn hands out). `asOf` is the day on which it
 * was fetched; without it, the day that the page itself states, else that of its newest update.
 */
export function fromWindowsPage(page: string, asOf: string | null): Result<Windows, string> {
  const pieces = /^\s*<|<(?:table|a|td)\b/i.test(page) ? piecesOf(page) : markdownPieces(page);
  const found = new Map<string, WindowsRelease>();
  for (const update of [...tableUpdates(pieces), ...titleUpdates(pieces)]) add(found, update);
  for (const end of supportEnds(pieces)) putEnd(found, end);
  const releases = [...found.values()].filter(({ updates }) => updates.length > 0).map(sorted);
  const newest = releases
    .flatMap(({ updates }) => updates.map(({ date }) => date))
    .toSorted()
    .at(-1);
  if (newest === undefined)
    return err('names no update of Windows: it is no release information or update history');
  const stated = /updated_at["':=\s]{1,5}(?:content=["'])?(\d{4}-\d{2}-\d{2})/.exec(page)?.[1];
  return ok({ asOf: asOf ?? stated ?? newest, releases });
}

function piecesOf(html: string): Piece[] {
  const pieces: Piece[] = [];
  let row = 0;
  let text = '';
  let isCell = false;
  /** Tags inside a cell are part of it; outside, each begins a text of its own. */
  const end = () => {
    const piece = tidy(text);
    if (isCell) pieces.push({ kind: 'cell', row, text: piece });
    else if (piece !== '') pieces.push({ kind: 'text', text: piece });
    text = '';
    isCell = false;
  };
  const parser = new Parser({
    onopentag(name) {
      if (name === 'tr') row += 1;
      if (!isCell || CELLS.has(name)) end();
      if (CELLS.has(name)) isCell = true;
      if (pieces.length > MAX_PIECES) parser.reset();
    },
    ontext(more) {
      if (text.length < MAX_TEXT) text += more;
    },
    onclosetag(name) {
      if (!isCell || CELLS.has(name)) end();
    },
  });
  parser.end(html);
  return pieces;
}

/** Lines of a table begin with a bar; its rule of dashes is no row. */
function markdownPieces(text: string): Piece[] {
  return text.split(/\r?\n/, MAX_PIECES).flatMap((line, row): Piece[] => {
    if (/^[|\s:-]+$/.test(line)) return [];
    if (!line.startsWith('|')) return [{ kind: 'text', text: tidy(line.replace(/^[#*\s]+/, '')) }];
    const cells = line.split('|', 30).slice(1, -1);
    return cells.map((cell) => ({ kind: 'cell', row, text: tidy(cell) }));
  });
}

function tidy(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 500);
}

type Found = { family: WindowsRelease['family']; build: number; name: string; update: Update };

const HEADING = /^(?:(Windows Server) (.{1,40}?)|Version (.{1,40}?)) \(OS build (\d{4,6})\)/i;
const BUILD = /^(\d{4,6})\.(\d{1,6})$/;

/** Rows of the tables below each heading; a row has one day and one build, whatever other columns there are. */
function tableUpdates(pieces: readonly Piece[]): Found[] {
  let heading: { family: Found['family']; name: string; build: number } | null = null;
  return rowsOf(pieces).flatMap((row) => {
    if (typeof row === 'string') {
      const [, server, year, version, build] = HEADING.exec(row) ?? [];
      if (build === undefined) return [];
      heading =
        server === undefined
          ? {
              family: 'windows-client',
              name: `Windows ${clientOf(Number(build))} ${version}`,
              build: Number(build),
            }
          : { family: 'windows-server', name: `Windows Server ${year}`, build: Number(build) };
      return [];
    }
    const build = row.map((cell) => BUILD.exec(cell)).find((match) => match !== null);
    const date = row.find((cell) => /^\d{4}-\d{2}-\d{2}$/.test(cell));
    if (heading === null || !build || date === undefined || Number(build[1]) !== heading.build) return [];
    return [{ ...heading, update: { revision: Number(build[2]), date, kind: kindOf(row, date) } }];
  });
}

/** Texts outside of tables, and the cells of each row. */
function rowsOf(pieces: readonly Piece[]): (string | string[])[] {
  const rows: (string | string[])[] = [];
  let last = -1;
  for (const piece of pieces) {
    const open = rows.at(-1);
    if (piece.kind === 'text') rows.push(piece.text);
    else if (piece.row === last && Array.isArray(open)) open.push(piece.text);
    else rows.push([piece.text]);
    last = piece.kind === 'cell' ? piece.row : -1;
  }
  return rows;
}

function clientOf(build: number): string {
  return build >= 22_000 ? '11' : '10';
}

/** "2026-09 B" is the monthly security update, as are hotpatches and their baselines; other letters are previews. */
function kindOf(row: readonly string[], date: string): Update['kind'] {
  const type = row.find((cell) => /^\d{4}[-.]\d{2} /.test(cell));
  if (type === undefined) return isSecondTuesday(date) ? 'security' : 'other';
  return /^\d{4}-\d{2} B$|hotpatch|baseline/i.test(type) ? 'security' : 'other';
}

function isSecondTuesday(date: string): boolean {
  const day = new Date(`${date}T00:00:00Z`);
  return day.getUTCDay() === 2 && day.getUTCDate() >= 8 && day.getUTCDate() <= 14;
}

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
);
const TITLE =
  /\b([A-Z][a-z]{2,8}) (\d{1,2}), (\d{4}) ?[\u2014\u2013-] ?(Hotpatch )?KB ?\d{6,8}[^()]{0,80}\(OS Builds? ([\d., and]{1,120})\)(.{0,40})/g;

/** The links of an update history. */
function titleUpdates(pieces: readonly Piece[]): Found[] {
  return pieces.flatMap((piece) => [...piece.text.matchAll(TITLE)].flatMap(titleUpdate));
}

function titleUpdate([
  ,
  month = '',
  dayOfMonth = '',
  year,
  hotpatch,
  builds = '',
  rest = '',
]: RegExpMatchArray): Found[] {
  const index = MONTHS.indexOf(month);
  if (index < 0) return [];
  const date = `${year}-${String(index + 1).padStart(2, '0')}-${dayOfMonth.padStart(2, '0')}`;
  const isOther = /preview|out-of-band/i.test(rest);
  const kind = hotpatch !== undefined || (!isOther && isSecondTuesday(date)) ? 'security' : 'other';
  return [...builds.matchAll(/(\d{4,6})\.(\d{1,6})/g)].map((match) => {
    const [build, revision] = [Number(match[1]), Number(match[2])];
    const family = isServer(build, revision) ? 'windows-server' : 'windows-client';
    const name =
      family === 'windows-server'
        ? `Windows Server, build ${build}`
        : `Windows ${clientOf(build)}, build ${build}`;
    return { family, build, name, update: { revision, date, kind } };
  });
}

/** 20348 is Server 2022 alone; Server 2025 shares a build with Windows 11 and counts its revisions from 32000 on. */
function isServer(build: number, revision: number): boolean {
  return build === 20_348 || (build === 26_100 && revision >= 30_000);
}

function add(found: Map<string, WindowsRelease>, { family, build, name, update }: Found): void {
  const key = `${family} ${build}`;
  const release = found.get(key) ?? { family, build, name, endOfSupport: noEnd(), updates: [] };
  if (!release.updates.some(({ revision }) => revision === update.revision)) release.updates.push(update);
  found.set(key, release);
}

function noEnd(): WindowsRelease['endOfSupport'] {
  return { consumer: null, enterprise: null, longTerm: null, server: null };
}

function sorted(release: WindowsRelease): WindowsRelease {
  const updates = release.updates.toSorted((a, b) => b.revision - a.revision).slice(0, 300);
  return { ...release, updates };
}

type End = { build: number; ends: Partial<WindowsRelease['endOfSupport']> };

/** The table "current versions by servicing option": a row has the latest build, and an end for each kind of edition. */
function supportEnds(pieces: readonly Piece[]): End[] {
  let heads: string[] = [];
  return rowsOf(pieces).flatMap((row): End[] => {
    if (typeof row === 'string') return [];
    if (row.some((cell) => /^servicing option$/i.test(cell))) {
      heads = row;
      return [];
    }
    const build = Number(
      BUILD.exec(row.at(-1) ?? '')?.[1] ?? row.map((cell) => BUILD.exec(cell)?.[1]).find(Boolean),
    );
    const cell = (head: RegExp) => {
      const text = row[heads.findIndex((one) => head.test(one))] ?? '';
      return /^\d{4}-\d{2}-\d{2}$/.test(text) ? text : null;
    };
    const server = cell(/^extended support end/i);
    if (server !== null && !Number.isNaN(build)) return [{ build, ends: { server } }];
    const [consumer, enterprise] = [cell(/^end of .*(?:home|pro)/i), cell(/^end of .*enterprise/i)];
    if (Number.isNaN(build) || (consumer === null && enterprise === null)) return [];
    if (row.some((text) => /long-term/i.test(text)))
      return [{ build, ends: { longTerm: enterprise ?? consumer } }];
    return [{ build, ends: { consumer, enterprise } }];
  });
}

function putEnd(found: Map<string, WindowsRelease>, { build, ends }: End): void {
  const family = ends.server === undefined ? 'windows-client' : 'windows-server';
  const release = found.get(`${family} ${build}`);
  if (release !== undefined) release.endOfSupport = { ...release.endOfSupport, ...ends };
}
