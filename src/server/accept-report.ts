import { checkIds, factShapes, type CheckId, type Readings } from '../../collectors/specs.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { UnknownSince } from '../policy/judge.ts';
import { isWhole } from '../policy/tags.ts';
import type { Refusal } from '../wire/refusal.ts';
import { reportClaims, type ReportClaims } from '../wire/report-claims.ts';
import { contentDigest, fromWire, type ParsedReadings, type WireReading } from '../wire/report.ts';
import type { DeviceState } from './device-state.ts';
import { WINDOW_MS } from './nonces.ts';
import type { Evident } from './verify-report.ts';

const shapes = factShapes();

/** What accepting a frame means: the device afterwards, and what has to be stored. Nothing is judged yet. */
export type Acceptance = {
  claims: ReportClaims;
  /** Null for a heartbeat, which says nothing about the device. */
  content: Content | null;
  next: DeviceState;
};

export type Content = {
  digest: string;
  /** What this very report holds, as far as it was understood. */
  given: ParsedReadings;
  /** Checks that an earlier report spoke of and this one no longer does. */
  dropped: CheckId[];
  /** History only: it changes nothing about what is known now. */
  historic: boolean;
};

/**
 * Steps 8, 10 and 11 of the order in which a report is checked (sequence, shape, base), and what follows from it.
 * Pure. `dig` is the digest of the token as received, `now` in milliseconds.
 */
export function acceptReport(
  state: DeviceState,
  evident: Evident,
  dig: string,
  now: number,
): Result<Acceptance, Refusal> {
  if (evident.seq <= state.seq) return err('seq_replayed');
  const parsed = reportClaims.safeParse(evident.payload);
  if (!parsed.success) return err('schema_invalid');
  const claims = parsed.data;
  if (needsBase(claims) && !isOnBase(claims, state)) return err('base_mismatch');
  const heard = { ...state, seq: claims.seq, dropped: claims.dropped };
  if (claims.kind === 'heartbeat') return ok({ claims, content: null, next: { ...heard, seenAt: now } });
  if (claims.readings === undefined) return err('schema_invalid');
  const given = fromWire(claims.readings, shapes);
  if (!given.ok) return err('schema_invalid');
  return ok(withContent(heard, claims, given.value, dig, now));
}

function needsBase({ kind }: ReportClaims): boolean {
  return kind === 'delta' || kind === 'heartbeat';
}

function isOnBase({ base }: ReportClaims, state: DeviceState): boolean {
  return base !== undefined && base.seq === state.base?.seq && base.dig === state.base.dig;
}

function withContent(
  state: DeviceState,
  claims: ReportClaims,
  given: ParsedReadings,
  dig: string,
  now: number,
): Acceptance {
  const isDelta = claims.kind === 'delta';
  const readings = isDelta ? { ...state.readings, ...given.readings } : given.readings;
  const raw = isDelta ? { ...state.raw, ...given.raw } : given.raw;
  const historic = claims.kind === 'offline' || isOld(claims, now);
  const digest = contentDigest(claims.collected_at, withRaw(readings, raw));
  const dropped = historic ? [] : checkIds.filter((id) => state.readings[id] && !readings[id]);
  const content = { digest, given, dropped, historic };
  if (historic) return { claims, content, next: state };
  const next = {
    ...state,
    base: { seq: claims.seq, dig },
    lastReport: claims.jti,
    seenAt: now,
    factsAt: Math.min(now, Date.parse(claims.facts_at ?? claims.collected_at)),
    agentVersion: claims.swversion[0],
    inventory: isDelta ? state.inventory : (claims.inventory ?? state.inventory),
    readings,
    raw,
    ...times(state, readings, now),
  };
  return { claims, content, next };
}

/** An honest agent seals what is older than the window as `offline`; twice that is no network delay any more. */
function isOld(claims: ReportClaims, now: number): boolean {
  return now - Date.parse(claims.collected_at) > 2 * WINDOW_MS;
}

/** Checks that we do not understand are part of what was said: their readings have the same two forms. */
function withRaw(readings: Partial<Readings>, raw: Record<string, WireReading>): Partial<Readings> {
  return { ...readings, ...(raw as Partial<Readings>) };
}

function times(state: DeviceState, readings: Partial<Readings>, now: number) {
  const knownAt: UnknownSince = {};
  const askedAt: UnknownSince = {};
  for (const id of checkIds) {
    const reading = readings[id];
    if (reading === undefined) continue;
    askedAt[id] = state.askedAt[id] ?? now;
    const known = isWhole(id, reading) ? now : state.knownAt[id];
    if (known !== undefined) knownAt[id] = known;
  }
  return { knownAt, askedAt };
}
