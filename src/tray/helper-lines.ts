import type { ActionId, MenuEntry, MenuItem, Note, View } from './view.ts';

/*
 * What this program and the native helpers of Windows and macOS say to each other: UTF-8 lines of fields between tabs,
 * the first field one of the letters below. `native/protocol.md` says the same for those who write C.
 */

/** Characters of a text field at most: what the smallest of the systems shows, and the helpers have room for. */
const MAX_TEXT = 250;
const MAX_TITLE = 60;
const MAX_ENTRIES = 48;

export type HelperWord =
  | { word: 'ready' }
  | { word: 'already' }
  | { word: 'open' }
  | { word: 'click'; id: string }
  | { word: 'note'; id: string }
  | { word: 'dismissed' }
  | { word: 'quiet'; quiet: boolean | null }
  | { word: 'opened'; ok: boolean };

/** A menu in lines, and which action each id stands for. Ids are never given twice. */
export type MenuLines = { lines: string[]; actions: ReadonlyMap<string, ActionId> };

/** One line; fields cannot hold what separates fields and lines. */
export function toLine(...fields: readonly string[]): string {
  return `${fields.map(escapeField).join('\t')}\n`;
}

/** Backslash, tab and newline as `\\`, `\t`, `\n`; other control characters have no business in a label. */
export function escapeField(text: string): string {
  const clean = text.replaceAll('\\', '\\\\').replaceAll('\t', '\\t').replaceAll('\n', '\\n');
  return Array.from(clean.replace(/\p{Cc}/gu, '')).join('');
}

export function stateLine({ colour, title, detail }: View): string {
  return toLine('S', colour, cutText(`${title}\n${detail}`, 120));
}

export function menuLines(menu: readonly MenuEntry[], generation: number): MenuLines {
  const actions = new Map<string, ActionId>();
  const itemLine = ({ label, action, enabled }: MenuItem) => {
    const id = `${generation}.${actions.size}`;
    if (enabled && action !== null) actions.set(id, action);
    return toLine('I', enabled && action !== null ? id : '', enabled ? '' : 'd', cutText(label, MAX_TEXT));
  };
  const lines = menu.slice(0, MAX_ENTRIES).flatMap((entry) => {
    if (entry.kind === 'line') return [toLine('-')];
    if (entry.kind === 'item') return [itemLine(entry)];
    return [toLine('>', cutText(entry.label, MAX_TEXT)), ...entry.items.map(itemLine), toLine('<')];
  });
  return { lines: [toLine('M'), ...lines, toLine('E')], actions };
}

/** A notification: its buttons first. Systems without buttons leave them out. */
export function noteLines(note: Note): string[] {
  const level = { green: 'info', grey: 'info', amber: 'warn', red: 'error' }[note.colour];
  return [
    ...note.buttons.map(({ action, label }) => toLine('B', action, cutText(label, MAX_TITLE))),
    toLine('N', level, note.urgent ? 'u' : '', cutText(note.title, MAX_TITLE), cutText(note.body, MAX_TEXT)),
  ];
}

/** Null for a line that is none of the helper's. */
export function parseHelperLine(line: string): HelperWord | null {
  const [word = '', value = ''] = line.replace(/\r$/, '').split('\t');
  switch (word) {
    case 'ready':
    case 'already':
    case 'open':
    case 'dismissed':
      return { word };
    case 'click':
    case 'note':
      return { word, id: value };
    case 'quiet':
      return { word, quiet: value === '1' ? true : value === '0' ? false : null };
    case 'opened':
      return { word, ok: value === '1' };
    default:
      return null;
  }
}

/** By characters as people count them, so that none is cut in two. */
function cutText(text: string, max: number): string {
  const characters = Array.from(text);
  return characters.length <= max ? text : `${characters.slice(0, max - 1).join('')}…`;
}
