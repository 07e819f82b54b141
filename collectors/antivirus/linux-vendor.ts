import type { Command } from '../../src/base/commands.ts';
import { unknown, type Unknown } from '../../src/base/reading.ts';
import type { Host, Output } from '../check.ts';
import { showUnits } from '../linux-systemd.ts';
import type { Fact } from '../specs.ts';

export type Product = Fact<'antivirus'>['products'][number];

/** A product that is here and could not be read. */
export type Unread = Omit<Unknown, 'at'>;

/** One vendor on this computer: null when its product is not installed. */
export type Vendor = (host: Host) => Promise<Product | Unread | null>;

/** Presence and reading apart: `find` answers null where there is no such product, and what it found goes to `read`. */
export function vendor<T>(steps: {
  find: (host: Host) => Promise<T | null>;
  read: (host: Host, found: T) => Promise<Product | Unread | null>;
}): Vendor {
  return async (host) => {
    const found = await steps.find(host);
    return found === null ? null : steps.read(host, found);
  };
}

/** Presence by the vendor's own program: null when there is none. */
export async function ask(host: Host, command: Command, argv: readonly string[]): Promise<Output | null> {
  const output = await host.run(command, argv);
  return output.failure === 'not-found' ? null : output;
}

/** Why a program that is there gave no usable answer. */
export function unread(host: Host, name: string, { failure, code, stderr }: Output): Unread {
  if (failure === 'timeout') return unknown('timeout', `${name} did not answer in time.`);
  if (code === 0) return unknown('unparsable', `${name} answered in a form that we do not know.`);
  if (failure === 'denied' || !host.isRoot) return unknown('denied', `${name} answers root only.`);
  return unknown('failed', `${name} ended with ${code ?? failure}: ${stderr}`);
}

/** Whether a unit runs; null when systemd does not answer. A unit that does not exist does not run. */
export async function isUnitActive(host: Host, unit: string): Promise<boolean | null> {
  const units = await showUnits(host, [unit], ['LoadState', 'ActiveState']);
  const state = units?.get(unit)?.get('ActiveState');
  if (state === 'active' || state === 'reloading') return true;
  return state === 'inactive' || state === 'failed' ? false : null;
}

/** True if any of several names for one unit runs, false if all that are known do not. */
export async function isAnyUnitActive(host: Host, units: readonly string[]): Promise<boolean | null> {
  const states = await Promise.all(units.map((unit) => isUnitActive(host, unit)));
  if (states.includes(true)) return true;
  return states.includes(false) ? false : null;
}

/** `mode` of a product that has no passive or report-only way of running. */
export function plainMode(realtime: boolean | null): Product['mode'] {
  return realtime === null ? null : realtime ? 'active' : 'off';
}

/** `Key: value` or `Key   value`, one a line; the first of equal keys. */
export function parseFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n', MAX_LINES)) {
    const [, key, value] =
      /^[\s-]*(\S.*?)(?::\s|\s{2,})\s*(\S.*)$/.exec(line.slice(0, MAX_LINE).trimEnd()) ?? [];
    if (key !== undefined && value !== undefined && !fields.has(key)) fields.set(key, value);
  }
  return fields;
}

const MAX_LINES = 2_000;
const MAX_LINE = 500;

/** The words vendors use for a switch; anything else is unknown, never off. */
export function parseSwitch(word: string | undefined): boolean | null {
  if (word === undefined) return null;
  if (/^(on|enabled|yes|true)$/i.test(word)) return true;
  return /^(off|disabled|no|false)$/i.test(word) ? false : null;
}
