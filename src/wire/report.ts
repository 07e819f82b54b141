import canonicalize from 'canonicalize';
import { z } from 'zod';
import {
  checkIds,
  factShapes,
  isCheckId,
  specs,
  type CheckId,
  type Readings,
} from '../../collectors/specs.ts';
import { WHYS, type Reading } from '../base/reading.ts';
import { err, ok, type Result } from '../base/result.ts';
import { digest } from './ids.ts';

/** All readings of one collection cycle, as the agent's spool holds them: unsigned. */
export type Report = {
  id: string;
  collectedAt: string;
  /** Set where only a part was read anew: the time of the cycle that the rest comes from. */
  factsAt?: string;
  readings: Readings;
};

const time = z.iso.datetime();
const tookMs = z.number().nonnegative();

/** `v` is the version of the check's spec: a fact is only understood together with it. */
const wireReading = z.discriminatedUnion('state', [
  z.object({
    v: z.number().int().positive(),
    state: z.literal('known'),
    fact: z.unknown(),
    at: time,
    tookMs,
  }),
  z.object({
    v: z.number().int().positive(),
    state: z.literal('unknown'),
    why: z.enum(WHYS),
    detail: z.string().max(400),
    at: time,
  }),
]);

export type WireReading = z.infer<typeof wireReading>;

export const wireReadings = z.record(z.string().max(60), wireReading);

export function toWire(readings: Partial<Readings>): Record<string, WireReading> {
  const entries = Object.entries(readings) as [CheckId, Reading<unknown>][];
  return Object.fromEntries(entries.map(([id, reading]) => [id, { v: specs[id].version, ...reading }]));
}

/** What a server understood of a report's readings, and what it keeps as it came. */
export type ParsedReadings = {
  readings: Partial<Readings>;
  /** Checks, or versions of checks, that this server does not know. */
  raw: Record<string, WireReading>;
};

/** Parses each reading by its check's id and version. A fact without its check's shape refuses the report. */
export function fromWire(
  wire: Record<string, WireReading>,
  shapes = factShapes(),
): Result<ParsedReadings, { check: string; problem: string }> {
  const readings: Record<string, unknown> = {};
  const raw: Record<string, WireReading> = {};
  for (const [id, reading] of Object.entries(wire)) {
    const shape = shapes.get(id);
    if (shape === undefined || !isCheckId(id) || reading.v !== specs[id].version) {
      raw[id] = reading;
      continue;
    }
    const parsed = parseReading(shape, reading);
    if (!parsed.ok) return err({ check: id, problem: parsed.error });
    readings[id] = parsed.value;
  }
  return ok({ readings: readings as Partial<Readings>, raw });
}

function parseReading(shape: z.ZodType, wire: WireReading): Result<Reading<unknown>, string> {
  const { v: _, ...reading } = wire;
  if (reading.state === 'unknown') return ok(reading);
  const fact = shape.safeParse(reading.fact);
  if (fact.success) return ok({ ...reading, fact: fact.data });
  return err(z.prettifyError(fact.error).slice(0, 300));
}

/** What a reading says, without when it was read and in which words it failed. */
export function substance(reading: Reading<unknown>): unknown {
  return reading.state === 'known' ? { fact: reading.fact } : { why: reading.why };
}

export function sameSubstance(a: Reading<unknown> | undefined, b: Reading<unknown> | undefined): boolean {
  if (!a || !b) return a === b;
  return canonicalize(substance(a)) === canonicalize(substance(b));
}

/** The readings of `now` that say something else than those of `before`. */
export function changed(before: Partial<Readings>, now: Readings): Partial<Readings> {
  const ids = checkIds.filter((id) => !sameSubstance(before[id], now[id]));
  return Object.fromEntries(ids.map((id) => [id, now[id]]));
}

/**
 * Digest of what a complete set of readings says, in RFC 8785 form: one report sent twice, as full and as delta,
 * has one digest; other content under a known report id has another.
 */
export function contentDigest(collectedAt: string, readings: Partial<Readings>): string {
  const said = Object.entries(readings).map(([id, reading]) => [id, substance(reading as Reading<unknown>)]);
  return digest(canonicalize({ collectedAt, readings: Object.fromEntries(said) }) ?? '');
}
