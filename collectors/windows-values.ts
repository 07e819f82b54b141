import { z } from 'zod';

/*
 * The properties of a probe's objects. A release leaves a property out, ConvertTo-Json writes an enum as its number
 * where a table has its name, and a date has three forms. Whatever is missing or of a wrong type becomes null, which
 * means unknown; no property is ever given a value that Windows did not state.
 */

const MAX_TEXT = 500;
const MAX_ITEMS = 100;

export function property<T>(read: (value: unknown) => T | null) {
  return z.unknown().optional().transform(read);
}

/** Text without the NULs that firmware pads it with; empty text is null. */
export const text = property(textOf);

/** A whole number, also as decimal or 0x text. */
export const integer = property(integerOf);

/** true, 1 or "True"; false, 0 or "False". */
export const flag = property(flagOf);

/** ISO 8601 in UTC; null for dates that mean "never". */
export const time = property(timeOf);

/** An enum by number or by name, however the name is spaced or capitalized, as its number. */
export function numbered(names: Readonly<Record<string, number>>) {
  const numbers = new Map(Object.entries(names).map(([name, number]) => [bare(name), number]));
  return property(
    (value) => integerOf(value) ?? (typeof value === 'string' ? numbers.get(bare(value)) : null) ?? null,
  );
}

/** A list, or the one thing that ConvertTo-Json made of a list of one; null when it was not stated. */
export function listOf<S extends z.ZodType>(item: S) {
  return property((value): z.output<S>[] | null => {
    const items = unrolled(value);
    return items === null ? null : items.slice(0, MAX_ITEMS).map((one) => item.parse(one));
  });
}

/**
 * Windows PowerShell writes an empty list as nothing, a list of one as its element, and a list that a cmdlet decorated
 * as `{ value, Count }`. Null for nothing.
 */
export function unrolled(value: unknown): unknown[] | null {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value;
  if (isObject(value) && Array.isArray(value['value']) && 'Count' in value) return value['value'];
  return [value];
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function textOf(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  return value.replaceAll('\0', '').trim().slice(0, MAX_TEXT) || null;
}

export function integerOf(value: unknown): number | null {
  const isNumeral = typeof value === 'string' && /^(?:-?\d{1,15}|0x[0-9a-f]{1,12})$/i.test(value.trim());
  const number = isNumeral ? Number(value) : value;
  return Number.isSafeInteger(number) ? Number(number) : null;
}

function flagOf(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  const word = typeof value === 'number' || typeof value === 'string' ? String(value).toLowerCase() : null;
  if (word === '1' || word === 'true') return true;
  return word === '0' || word === 'false' ? false : null;
}

/** 1601 is FILETIME's zero, 1899 is OLE's, 9999 is .NET's end of time: all of them mean that it never happened. */
const FIRST_YEAR = 1990;
const LAST_YEAR = 2200;

/** ISO text (UTC unless it names a zone), `/Date(ms)/` of Windows PowerShell, or its `{ value, DateTime }`. */
export function timeOf(value: unknown): string | null {
  const moment = momentOf(isObject(value) ? value['value'] : value);
  if (moment === null || Number.isNaN(moment)) return null;
  const year = new Date(moment).getUTCFullYear();
  return year >= FIRST_YEAR && year <= LAST_YEAR ? new Date(moment).toISOString() : null;
}

const DATE_OF_JSON = /^\\?\/Date\((-?\d{1,15})(?:[+-]\d{4})?\)\\?\/$/;
const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?$/i;

function momentOf(value: unknown): number | null {
  if (typeof value !== 'string') return null;
  const milliseconds = DATE_OF_JSON.exec(value)?.[1];
  if (milliseconds !== undefined) return Number(milliseconds);
  const [, day, clock = '00:00:00', fraction = '', zone = 'Z'] = ISO.exec(value.trim()) ?? [];
  return day === undefined
    ? null
    : Date.parse(`${day}T${clock}.${fraction.slice(0, 3).padEnd(3, '0')}${zone}`);
}

function bare(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}
