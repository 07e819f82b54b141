import canonicalize from 'canonicalize';
import { z } from 'zod';
import { checkIds, isCheckId, specs, type CheckId, type Readings } from '../../collectors/specs.ts';
import { WHYS, type Reading } from '../base/reading.ts';
import { err, ok, type Result } from '../base/result.ts';
import { digest, nonce, ueid, uuid } from './ids.ts';
import { inventory } from './inventory.ts';
import { EAT_PROFILE } from './version.ts';

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

const base = z.object({ seq: z.number().int().nonnegative(), dig: z.string().max(60) });

export type Base = z.infer<typeof base>;

/** A URI of ours or anybody's: checked for equality, never fetched. */
const urn = z.string().min(1).max(200);

/** EAT claims of a report (RFC 9711) with the private ones of our profile. Unknown members are ignored. */
export const reportClaims = z.object({
  iss: urn,
  aud: urn,
  /** Seconds since the epoch, by the agent's clock corrected with the server's `now`. */
  iat: z.number(),
  /** The report's id, made when it was collected: the same however often it is sent. */
  jti: uuid,
  eat_profile: z.literal(EAT_PROFILE),
  /** The connection's current nonce; an offline report has none. */
  eat_nonce: nonce.optional(),
  ueid,
  swname: z.literal('drawbridge'),
  swversion: z.tuple([z.string().max(50), z.literal('semver')]),
  /** Seconds since the operating system started. */
  uptime: z.number().nonnegative().optional(),
  /**
   * `full`: every reading; `delta`: those that differ from `base`; `heartbeat`: none, the process and its key are
   * alive; `offline`: every reading of a cycle more than 120 s ago: history, never makes a device fresh.
   */
  kind: z.enum(['full', 'delta', 'heartbeat', 'offline']),
  /** Rises with every frame of this device, also across restarts. */
  seq: z.number().int().positive(),
  /** Made anew at each start of the agent. */
  boot: nonce,
  /** The last acknowledged full or delta report, on which a delta or heartbeat builds. */
  base: base.optional(),
  /** Digest of the policy that the agent holds, or null. */
  cfg: z.string().max(60).nullable().default(null),
  collected_at: time,
  /** Where only a part was read anew, such as the VPN after an order: the time of the cycle that the rest is from. */
  facts_at: time.optional(),
  /** Reports that the spool lost for lack of room, since enrolment. */
  dropped: z.number().int().nonnegative().default(0),
  readings: z.record(z.string().max(60), wireReading).optional(),
  /** In full reports, where the device knows it. No decision depends on it. */
  inventory: inventory.optional(),
});

export type ReportClaims = z.infer<typeof reportClaims>;
export type ReportKind = ReportClaims['kind'];

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
): Result<ParsedReadings, { check: string; problem: string }> {
  const readings: Record<string, unknown> = {};
  const raw: Record<string, WireReading> = {};
  for (const [id, reading] of Object.entries(wire)) {
    if (!isCheckId(id) || reading.v !== specs[id].version) {
      raw[id] = reading;
      continue;
    }
    const parsed = parseReading(id, reading);
    if (!parsed.ok) return err({ check: id, problem: parsed.error });
    readings[id] = parsed.value;
  }
  return ok({ readings: readings as Partial<Readings>, raw });
}

function parseReading(id: CheckId, wire: WireReading): Result<Reading<unknown>, string> {
  const { v: _, ...reading } = wire;
  if (reading.state === 'unknown') return ok(reading);
  const fact = specs[id].fact.safeParse(reading.fact);
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
