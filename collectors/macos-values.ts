/*
 * Reading values out of property lists and JSON that nobody has checked yet. The same setting is a boolean in one
 * form, 1 or "1" in another and "YES" in a third, depending on who wrote it.
 */

/** What stands at `path`; `undefined` as soon as a step is missing. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const key of path) {
    if (!isDictionary(current) || !Object.hasOwn(current, key)) return undefined;
    current = current[key];
  }
  return current;
}

export function isDictionary(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const MAX_TEXT = 500;

/** Text that is not empty, cut at 500 characters; a number becomes its digits. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value.slice(0, MAX_TEXT) : null;
}

export function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return typeof value === 'string' && /^-?\d{1,15}(\.\d+)?$/.test(value) ? Number(value) : null;
}

export function flagOf(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  const word = typeof value === 'number' || typeof value === 'string' ? String(value).toLowerCase() : '';
  if (['1', 'yes', 'true'].includes(word)) return true;
  return ['0', 'no', 'false'].includes(word) ? false : null;
}

export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

const TIME = /^(\d{4})-(\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)? ?(Z|([+-]\d\d):?(\d\d)?)$/;
const EARLIEST_YEAR = 2001;

/** ISO 8601 in UTC; null for anything but a date with a zone, and for Apple's "never" (years 1 and 2000). */
export function timeOf(value: unknown): string | null {
  const match = typeof value === 'string' ? TIME.exec(value.trim()) : null;
  if (!match) return null;
  const [, year, day, clock, zone, hours, minutes] = match;
  if (Number(year) < EARLIEST_YEAR) return null;
  const time = Date.parse(`${year}-${day}T${clock}${zone === 'Z' ? 'Z' : `${hours}:${minutes ?? '00'}`}`);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

/** Milliseconds since 1970, as number or digits, as ISO 8601; anything that is no time since 2001 is null. */
export function epochTimeOf(value: unknown): string | null {
  const ms = numberOf(value);
  return ms !== null && ms > 1e12 && ms < 1e13 ? new Date(ms).toISOString() : null;
}

/** The first line that fits. Line by line, so that no repetition in the text can make a pattern run for ever. */
export function matchLine(text: string, form: RegExp): RegExpExecArray | null {
  for (const line of linesOf(text)) {
    const match = form.exec(line);
    if (match) return match;
  }
  return null;
}

const MAX_LINES = 10_000;
const MAX_LINE = 2_000;

/** A text's lines without their ends; more lines, and what goes beyond a line's usual length, are not looked at. */
export function linesOf(text: string): string[] {
  return text.split(/\r?\n/, MAX_LINES).map((line) => line.slice(0, MAX_LINE));
}
