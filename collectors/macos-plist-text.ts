/*
 * The text form: OpenStep's `{ key = value; }` and `( a, b )`, as `defaults read` prints it and old files hold it,
 * and `plutil -p`'s `{ "key" => value }` and `[ 0 => value ]`. Every leaf is a string, as the form has no types.
 */

const MAX_DEPTH = 64;

type Token = { kind: 'mark' | 'string' | 'data'; text: string };
type Cursor = { tokens: readonly Token[]; next: number };

/** `undefined` unless the text is exactly one whole list. */
export function parseTextPlist(text: string): unknown {
  const tokens = tokenize(text);
  if (!tokens) return undefined;
  const cursor = { tokens, next: 0 };
  const value = parseValue(cursor, 0);
  return cursor.next === tokens.length ? value : undefined;
}

const SKIP = /(?:\s+|\/\*[\s\S]*?\*\/|\/\/[^\n]*)+/y;
const MARK = /=>|[{}()[\]=;,]/y;
const QUOTED = /"((?:[^"\\]|\\[\s\S])*)"/y;
/** `<0a1b>`, and since macOS 11 `{length = 2, bytes = 0x0a1b}`. */
const DATA = /<[0-9a-fA-F\s]*>|\{length = \d+, bytes = 0x[0-9a-fA-F .]*\}/y;
/** `plutil -p` does not quote dates. */
const DATE = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}/y;
const BARE = /[\w.$/:+-]+/y;

function tokenize(text: string): Token[] | null {
  const tokens: Token[] = [];
  let position = skip(text, 0);
  while (position < text.length) {
    const found = tokenAt(text, position);
    if (!found) return null;
    tokens.push(found.token);
    position = skip(text, found.end);
  }
  return tokens;
}

function skip(text: string, position: number): number {
  return position + (matchAt(SKIP, text, position)?.[0].length ?? 0);
}

function tokenAt(text: string, position: number): { token: Token; end: number } | null {
  const forms: [RegExp, Token['kind']][] = [
    [DATA, 'data'],
    [MARK, 'mark'],
    [QUOTED, 'string'],
    [DATE, 'string'],
    [BARE, 'string'],
  ];
  for (const [form, kind] of forms) {
    const match = matchAt(form, text, position);
    if (match) {
      const content = form === QUOTED ? unescape(match[1] ?? '') : match[0];
      return { token: { kind, text: content }, end: position + match[0].length };
    }
  }
  return null;
}

function matchAt(form: RegExp, text: string, position: number): RegExpExecArray | null {
  form.lastIndex = position;
  return form.exec(text);
}

function parseValue(cursor: Cursor, depth: number): unknown {
  const token = cursor.tokens[cursor.next];
  if (!token || depth > MAX_DEPTH) return undefined;
  cursor.next += 1;
  if (token.kind === 'string') return token.text;
  if (token.kind === 'data') return null;
  if (token.text === '{') return parseDictionary(cursor, depth);
  if (token.text === '(') return parseArray(cursor, depth, ')');
  return token.text === '[' ? parseArray(cursor, depth, ']') : undefined;
}

function parseDictionary(cursor: Cursor, depth: number): unknown {
  const entries: [string, unknown][] = [];
  while (!takeMark(cursor, '}')) {
    const key = cursor.tokens[cursor.next];
    cursor.next += 1;
    if (key?.kind !== 'string' || !(takeMark(cursor, '=') || takeMark(cursor, '=>'))) return undefined;
    const value = parseValue(cursor, depth + 1);
    if (value === undefined) return undefined;
    entries.push([key.text, value]);
    takeMark(cursor, ';');
  }
  return Object.fromEntries(entries);
}

function parseArray(cursor: Cursor, depth: number, end: ')' | ']'): unknown {
  const items: unknown[] = [];
  while (!takeMark(cursor, end)) {
    const value = parseValue(cursor, depth + 1);
    // `plutil -p` writes each item's number before it.
    const item = takeMark(cursor, '=>') ? parseValue(cursor, depth + 1) : value;
    if (value === undefined || item === undefined) return undefined;
    items.push(item);
    takeMark(cursor, ',');
  }
  return items;
}

function takeMark(cursor: Cursor, mark: string): boolean {
  const token = cursor.tokens[cursor.next];
  const there = token?.kind === 'mark' && token.text === mark;
  if (there) cursor.next += 1;
  return there;
}

const CONTROL: Record<string, string> = { n: '\n', t: '\t', r: '\r' };

/** `\Uxxxx` is a UTF-16 unit; everything else stands for itself. */
function unescape(text: string): string {
  return text.replace(/\\(?:U([0-9a-fA-F]{4})|([\s\S]))/g, (_whole, unit, character) =>
    unit ? String.fromCharCode(parseInt(unit, 16)) : (CONTROL[character] ?? character),
  );
}
