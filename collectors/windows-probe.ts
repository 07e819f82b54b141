import type { z } from 'zod';
import { unknown, type Why } from '../src/base/reading.ts';
import { err, ok, type Result } from '../src/base/result.ts';
import type { Host, ProbeAnswer } from './check.ts';
import { isObject, unrolled } from './windows-values.ts';

export type Unanswered = ReturnType<typeof unknown>;

/** More rows than any machine has of anything that a probe lists. */
const MAX_ROWS = 2000;

/** The rows of a probe whose data is a list (FACTS name them), each read by `row`. Rows beyond 2000 are left out. */
export async function askRows<S extends z.ZodType>(
  host: Host,
  probe: string,
  row: S,
): Promise<Result<z.output<S>[], Unanswered>> {
  const data = dataOf(probe, await host.probe(probe));
  if (!data.ok) return data;
  const rows = (unrolled(data.value) ?? []).slice(0, MAX_ROWS);
  if (!rows.every(isObject)) return err(unknown('unparsable', `${probe}: not a list of objects`));
  return ok(rows.map((one) => row.parse(one)));
}

/** The properties of a probe whose data is one object. */
export async function askObject<S extends z.ZodType>(
  host: Host,
  probe: string,
  shape: S,
): Promise<Result<z.output<S>, Unanswered>> {
  const data = dataOf(probe, await host.probe(probe));
  if (!data.ok) return data;
  const [object, ...others] = unrolled(data.value) ?? [];
  if (!isObject(object) || others.length > 0) return err(unknown('unparsable', `${probe}: not an object`));
  return ok(shape.parse(object));
}

/** The rows of a probe that only adds to the answer: none when it failed. */
export async function askExtraRows<S extends z.ZodType>(
  host: Host,
  probe: string,
  row: S,
): Promise<z.output<S>[]> {
  const rows = await askRows(host, probe, row);
  return rows.ok ? rows.value : [];
}

/** The properties of a probe that only adds to the answer; null when it failed. */
export async function askExtraObject<S extends z.ZodType>(
  host: Host,
  probe: string,
  shape: S,
): Promise<z.output<S> | null> {
  const object = await askObject(host, probe, shape);
  return object.ok ? object.value : null;
}

function dataOf(probe: string, answer: ProbeAnswer | null): Result<unknown, Unanswered> {
  if (answer === null)
    return err(unknown('unsupported', `${probe}: the Windows script did not hand it over`));
  return answer.ok ? ok(answer.data) : err(failureOf(probe, answer));
}

type Failure = Extract<ProbeAnswer, { ok: false }>;

/**
 * Why a probe failed, by its error's id and numbers. The message is in the machine's language and may hold names, so
 * it is neither understood nor passed on; only a number in it counts (`Exception from HRESULT: 0x80284008`).
 */
export function failureOf(probe: string, failure: Failure): Unanswered {
  const codes = codesOf(failure);
  const fqid = String(failure.fqid);
  const why = whyOf(fqid, SPEAKING_IDS) ?? codes.map((code) => WHY_OF_CODE.get(code)).find((one) => one);
  const code = codes[0] === undefined ? '' : ` 0x${codes[0].toString(16)}`;
  return unknown(why ?? whyOf(fqid, VAGUE_IDS) ?? 'failed', `${probe}: ${fqid.slice(0, 120)}${code}`);
}

/** Every status number that an error carries, unsigned, the most specific first. */
export function codesOf({ fqid, hresult, message }: Failure): number[] {
  const numbers = [...writtenCodes(fqid), Number(hresult) >>> 0, ...writtenCodes(message)];
  return [...new Set(numbers)].filter((one) => one !== 0);
}

function writtenCodes(text: unknown): number[] {
  return [...String(text).matchAll(/0x([0-9a-f]{8})\b/gi)].map((hit) => Number.parseInt(hit[1] ?? '', 16));
}

type WhyOfIds = readonly (readonly [RegExp, Why])[];

/** Ids that say more than the general HRESULT (0x80131501) that comes with them. */
const SPEAKING_IDS: WhyOfIds = [
  // The CIM session broke: on these cmdlets, lack of rights.
  [
    /^CimJob_BrokenCimSession\b|^SetPrivilegeFailed\b|UnauthorizedAccess|SecurityException|AccessDenied/i,
    'denied',
  ],
  [
    /^CommandNotFoundException\b|^CouldNotAutoLoad|^Modules_ModuleNotFound\b|^PathNotFound\b/i,
    'not-installed',
  ],
  [/^MI RESULT 2\b/, 'denied'],
  // Invalid namespace, invalid class, not found.
  [/^MI RESULT [356]\b/, 'not-installed'],
  [/^MI RESULT 7\b/, 'unsupported'],
];

/** A firmware variable could not be read: a legacy BIOS, unless a number says otherwise. */
const VAGUE_IDS: WhyOfIds = [[/^GetFWVarFailed\b/, 'unsupported']];

function whyOf(fqid: string, ids: WhyOfIds): Why | undefined {
  return ids.find(([pattern]) => pattern.test(fqid))?.[1];
}

/** HRESULTs of WBEM, Win32, COM, .NET and Windows Update, and NTSTATUS values of firmware variables. */
const WHY_OF_CODE: ReadonlyMap<number, Why> = new Map([
  [0x80041003, 'denied'],
  [0x80041062, 'denied'],
  [0x80070005, 'denied'],
  [0x80070522, 'denied'],
  [0x80240044, 'denied'],
  [0xc0000022, 'denied'],
  [0x80041069, 'timeout'],
  [0x00040004, 'timeout'],
  [0x800705b4, 'timeout'],
  [0x80131505, 'timeout'],
  // Not found, invalid namespace, invalid class, provider not found, provider does not load.
  [0x80041002, 'not-installed'],
  [0x8004100e, 'not-installed'],
  [0x80041010, 'not-installed'],
  [0x80041011, 'not-installed'],
  [0x80041013, 'not-installed'],
  [0x80040154, 'not-installed'],
  [0x80070424, 'not-installed'],
  [0x8004100c, 'unsupported'],
  [0x80070032, 'unsupported'],
  [0x80131539, 'unsupported'],
  [0xc0000002, 'unsupported'],
  [0xc0000100, 'unsupported'],
]);

/** The first in this order is what somebody could do something about. */
const TELLING: readonly Why[] = ['denied', 'timeout', 'failed', 'unparsable', 'not-installed', 'unsupported'];

/** Of several sources that all failed, the answer that helps most. */
export function mostTelling(first: Unanswered, ...others: readonly Unanswered[]): Unanswered {
  const rank = ({ why }: Unanswered) => (TELLING.includes(why) ? TELLING.indexOf(why) : TELLING.length);
  return others.reduce((best, one) => (rank(one) < rank(best) ? one : best), first);
}
