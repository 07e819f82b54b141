/*
 * The XML form, as described by Apple's PropertyList-1.0.dtd. Nothing outside these few elements is accepted, and
 * no entity beyond the predefined ones is expanded, so a hostile list can neither grow nor reach for files.
 */

const MAX_DEPTH = 64;

type Element = { tag: string; text: string; children: unknown[] };

/** A dictionary's key, told apart from a string value. */
const KEY = Symbol('key');
type Key = { [KEY]: string };

const PROLOGUE = /^(?:\s+|<\?xml[^>]*\?>|<!--[\s\S]*?-->|<!DOCTYPE[^>[]*>)*/;
const TOKEN = /<!--[\s\S]*?-->|<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([a-z]+)([^<>]*?)(\/?)>|([^<]+)/y;

/** `undefined` unless the text is exactly one well-formed list. */
export function parseXmlPlist(text: string): unknown {
  const start = PROLOGUE.exec(text)?.[0].length ?? 0;
  const open: Element[] = [{ tag: '', text: '', children: [] }];
  let position = start;
  while (position < text.length) {
    TOKEN.lastIndex = position;
    const token = TOKEN.exec(text);
    if (!token || !take(token, open)) return undefined;
    position = TOKEN.lastIndex;
  }
  const [document] = open;
  return open.length === 1 && document?.children.length === 1 ? document.children[0] : undefined;
}

/** Applies one token to the stack of open elements; false when it does not belong there. */
function take(token: RegExpExecArray, open: Element[]): boolean {
  const [, cdata, slash, tag, , empty, text] = token;
  const current = open.at(-1);
  if (!current) return false;
  if (tag === undefined) return addText(current, cdata ?? unescape(text ?? ''));
  if (slash === '/') return current.tag === tag && close(open);
  if (open.length > MAX_DEPTH) return false;
  open.push({ tag, text: '', children: [] });
  return empty === '/' ? close(open) : true;
}

const LEAVES = new Set(['string', 'key', 'integer', 'real', 'date', 'data']);

function addText(current: Element, text: string): boolean {
  if (LEAVES.has(current.tag)) current.text += text;
  return LEAVES.has(current.tag) || text.trim() === '';
}

function close(open: Element[]): boolean {
  const element = open.pop();
  const parent = open.at(-1);
  const value = element && valueOf(element);
  if (value === undefined || !parent || LEAVES.has(parent.tag)) return false;
  parent.children.push(value);
  return true;
}

function valueOf({ tag, text, children }: Element): unknown {
  switch (tag) {
    case 'plist':
      return children.length === 1 ? children[0] : undefined;
    case 'dict':
      return dictionary(children);
    case 'array':
      return children.some(isKey) ? undefined : children;
    case 'key':
      return { [KEY]: text } satisfies Key;
    case 'string':
    case 'date':
      return text;
    case 'integer':
    case 'real':
      return text.trim() === '' ? undefined : finite(Number(text));
    case 'true':
      return true;
    case 'false':
      return false;
    case 'data':
      return null;
    default:
      return undefined;
  }
}

function dictionary(children: unknown[]): unknown {
  const entries: [string, unknown][] = [];
  for (let index = 0; index < children.length; index += 2) {
    const name = children[index];
    const value = children[index + 1];
    if (!isKey(name) || value === undefined || isKey(value)) return undefined;
    entries.push([name[KEY], value]);
  }
  return Object.fromEntries(entries);
}

function isKey(value: unknown): value is Key {
  return typeof value === 'object' && value !== null && KEY in value;
}

function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));/gi, (whole, hex, decimal, name) => {
    if (name) return ENTITIES[name] ?? whole;
    const code = hex ? parseInt(hex, 16) : Number(decimal);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
