import { iso } from '../base/clock.ts';
import type { Result } from '../base/result.ts';
import type { Refused } from '../server/administer.ts';
import {
  breakGlass,
  confirmBreaker,
  endBreakGlass,
  label,
  MAX_BREAK_GLASS_HOURS,
} from '../server/administer-fairness.ts';
import { breakerSentence } from '../server/breaker.ts';
import { storedBreaker } from '../server/breaker-record.ts';
import { heldDevices } from '../server/store/decisions.ts';
import type { Db } from '../server/store/store.ts';
import { say, sayJson, table } from './present.ts';
import { withStore, type ServerOptions } from './server-settings.ts';
import { UsageError } from './usage-error.ts';

/*
 * Each changes the database; a running server notices within a second or two.
 */

const HOUR_MS = 3_600_000;
const MAX_REASON = 500;

export type BreakGlassOptions = ServerOptions & { reason?: string; hours?: string; end?: boolean };

export async function breakGlassCommand(id: string, options: BreakGlassOptions): Promise<number> {
  if (options.end === true) {
    await change(options, (db, by) => endBreakGlass(db, id, by));
    if (options.json) sayJson({ device: id, breakGlass: null });
    else say(`${id} is judged like any other again.`);
    return 0;
  }
  const wanted = { hours: hoursIn(options.hours), reason: reasonIn(options.reason) };
  const until = Date.now() + wanted.hours * HOUR_MS;
  await change(options, (db, by) => breakGlass(db, id, wanted, by));
  if (options.json) sayJson({ device: id, breakGlass: { until: iso(until), reason: wanted.reason } });
  else say(`${id} is let in until ${iso(until)}, whatever its state. On record: ${wanted.reason}`);
  return 0;
}

function hoursIn(text: string | undefined): number {
  const hours = Number(text);
  if (hours > 0 && hours <= MAX_BREAK_GLASS_HOURS) return hours;
  throw new UsageError(`Say for how long with --hours N: more than 0, at most ${MAX_BREAK_GLASS_HOURS}.`);
}

function reasonIn(text: string | undefined): string {
  const reason = text?.trim() ?? '';
  if (reason !== '' && reason.length <= MAX_REASON) return reason;
  throw new UsageError(`Say why with --reason TEXT (at most ${MAX_REASON} characters); it goes on record.`);
}

export type TagOptions = ServerOptions & { remove?: string[]; add?: string[]; directory?: boolean };

export async function tagCommand(id: string, options: TagOptions): Promise<number> {
  const { add = [], remove = [], directory } = options;
  const names = [...add, ...remove];
  if (names.length === 0) throw new UsageError('Say which: --add NAME…, --remove NAME….');
  if (names.some((name) => name === '' || name.length > 100)) {
    throw new UsageError('A name has 1 to 100 characters.');
  }
  const kind = directory === true ? 'directory group' : 'tag';
  await change(options, (db, by) => label(db, id, { kind, add, remove }, by));
  if (options.json) sayJson({ device: id, kind, added: add, removed: remove });
  else say(`Done. See: drawbridge-server device ${id} --why`);
  return 0;
}

const SHOWN = 20;

export async function breakerStatusCommand(options: ServerOptions): Promise<number> {
  const { state, held } = await withStore(options, (store) =>
    store.read(async (db) => ({ state: await storedBreaker(db), held: await heldDevices(db, 'breaker') })),
  );
  const sentence = breakerSentence(state, held.length, Date.now());
  const { trippedAt, openUntil } = state;
  if (options.json) {
    sayJson({ sentence, trippedAt: isoOrNull(trippedAt), openUntil: isoOrNull(openUntil), held });
    return 0;
  }
  say(sentence);
  if (held.length > 0) {
    const rows = held.slice(0, SHOWN).map((one) => [one.device, one.name, one.would ?? '', one.sentence]);
    say(`\n${await table(['Device', 'Name', 'Would be', 'Why'], rows)}`);
  }
  if (held.length > SHOWN) say(`… and ${held.length - SHOWN} more; all of them with --json.`);
  return 0;
}

export type ConfirmOptions = ServerOptions & { reason?: string; minutes?: string };

export async function breakerConfirmCommand(options: ConfirmOptions): Promise<number> {
  const minutes = Number(options.minutes ?? 10);
  if (!(minutes > 0 && minutes <= 1_440)) throw new UsageError('--minutes has to be 1 to 1440.');
  const wanted = { minutes, reason: reasonIn(options.reason) };
  const { openUntil } = await change(options, (db, by) => confirmBreaker(db, wanted, by));
  if (options.json) sayJson({ openUntil: isoOrNull(openUntil) });
  else say(`Confirmed: those held lose access now, and nothing is held until ${isoOrNull(openUntil)}.`);
  return 0;
}

function isoOrNull(time: number | null): string | null {
  return time === null ? null : iso(time);
}

async function change<T>(
  options: ServerOptions,
  unit: (db: Db, by: { actor: string; now: number }) => Promise<Result<T, Refused>>,
): Promise<T> {
  const by = { actor: 'cli', now: Date.now() };
  const done = await withStore(options, (store) => store.write((db) => unit(db, by)));
  if (!done.ok) throw new UsageError(done.error.hint);
  return done.value;
}
