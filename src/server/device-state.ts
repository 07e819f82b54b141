import { z } from 'zod';
import { checkIds, isCheckId, type CheckId, type Readings } from '../../collectors/specs.ts';
import { parseJson } from '../base/json.ts';
import type { Reading } from '../base/reading.ts';
import type { UnknownSince } from '../policy/judge.ts';
import { NO_MEMORY, parseMemory, type Memory } from '../policy/memory.ts';
import { isWhole } from '../policy/tags.ts';
import type { Verdict } from '../wire/decision.ts';
import { inventory, type Inventory } from '../wire/inventory.ts';
import type { Base } from '../wire/report-claims.ts';
import type { WireReading } from '../wire/report.ts';
import type { Evidence, VpnSession } from './decide.ts';
import { parseBreakGlass, type BreakGlass } from './break-glass.ts';
import { severeSignal, type OpenSignal } from './signals/take-signal.ts';
import { openAlarms, type AlarmKind } from './store/alarms.ts';
import { currentDecision, type Recorded } from './store/decisions.ts';
import { findDevice, type Device } from './store/devices.ts';
import { memoryOf } from './store/memories.ts';
import { rawOf, readingsOf } from './store/reports.ts';
import { lastGranted, openOfDevice, sessionsAreKnown } from './store/sessions.ts';
import type { Db } from './store/store.ts';
import type { MemoryRow, RawRow, ReadingRow } from './store/tables.ts';

/** What the server knows of a device now. Never changed in place: what is accepted makes a new one. */
export type DeviceState = {
  readonly id: string;
  readonly name: string;
  readonly platform: string;
  readonly ueid: string;
  readonly status: Device['status'];
  /** Milliseconds, as all times here. */
  readonly enrolledAt: number;
  readonly seq: number;
  readonly base: Base | null;
  readonly lastReport: string | null;
  readonly seenAt: number | null;
  readonly factsAt: number | null;
  readonly agentVersion: string | null;
  readonly dropped: number;
  readonly inventory: Inventory | null;
  readonly readings: Partial<Readings>;
  readonly raw: Readonly<Record<string, WireReading>>;
  /** When each check was last known, and first asked. */
  readonly knownAt: Readonly<UnknownSince>;
  readonly askedAt: Readonly<UnknownSince>;
  readonly alarms: readonly AlarmKind[];
  readonly session: VpnSession;
  /** What administrators have said of it. `revision` rises with each change. */
  readonly tags: readonly string[];
  readonly directoryGroups: readonly string[];
  readonly breakGlass: BreakGlass | null;
  readonly revision: number;
  readonly memory: Memory;
  /** What its compiled policy was last made from, and how often that has changed. */
  readonly compiled: { readonly key: string; readonly revision: number };
  readonly signal: OpenSignal | null;
  readonly decision: Recorded | null;
  readonly verdicts: readonly Verdict[];
  /** When to judge again although nothing was heard. */
  readonly dueAt: number;
};

export function evidenceOf(state: DeviceState): Evidence {
  const { id, readings, seenAt, factsAt, session, signal, tags, directoryGroups, breakGlass, memory } = state;
  return {
    readings,
    seenAt,
    factsAt,
    session,
    signal,
    unknownSince: unknownSince(state),
    cloned: state.alarms.includes('cloned_key'),
    traits: { id, tags, directoryGroups },
    breakGlassUntil: breakGlass?.until ?? null,
    memory,
  };
}

/** A check that a device never says anything about has been unknown since it was enrolled. */
export function unknownSince(state: DeviceState): UnknownSince {
  const times: UnknownSince = {};
  for (const id of checkIds) times[id] = state.knownAt[id] ?? state.askedAt[id] ?? state.enrolledAt;
  return times;
}

/** Reads a device as it is on disk; null when there is none. */
export async function loadState(db: Db, id: string): Promise<DeviceState | null> {
  const device = await findDevice(db, id);
  if (device === undefined) return null;
  const rows = (await readingsOf(db, id)).flatMap(knownCheck);
  return {
    ...basics(device),
    readings: Object.fromEntries(rows.map((row) => [row.id, row.reading])) as Partial<Readings>,
    raw: Object.fromEntries((await rawOf(db, id)).map((row) => [row.check_id, parseRaw(row)])),
    knownAt: knownTimes(rows, device.facts_at),
    askedAt: Object.fromEntries(rows.map((row) => [row.id, row.askedAt])),
    alarms: (await openAlarms(db, id)).map((alarm) => alarm.kind),
    session: await sessionOf(db, id),
    ...remembered(await memoryOf(db, id)),
    signal: await severeSignal(db, id),
    decision: await currentDecision(db, id),
    verdicts: [],
    dueAt: 0,
  };
}

/** A login counts as a session from the moment it is granted; accounting then says how it went on. */
async function sessionOf(db: Db, device: string): Promise<VpnSession> {
  if (!(await sessionsAreKnown(db))) return 'unknown';
  const open = await openOfDevice(db, device);
  const login = await lastGranted(db, device);
  if (open.length === 0) return login === undefined ? 'none' : { since: login.at, until: login.expires_at };
  const starts = [...open.map((session) => session.started_at), login?.at ?? 0];
  return { since: Math.max(...starts), until: Infinity };
}

function basics(device: Device) {
  const { base_seq: seq, base_dig: dig } = device;
  return {
    id: device.id,
    name: device.name,
    platform: device.platform,
    ueid: device.ueid,
    status: device.status,
    enrolledAt: device.enrolled_at,
    seq: device.seq,
    base: seq === null || dig === null ? null : { seq, dig },
    lastReport: device.last_report,
    seenAt: device.seen_at,
    factsAt: device.facts_at,
    agentVersion: device.agent_version,
    dropped: device.dropped,
    inventory: parseInventory(device.inventory),
    tags: parseNames(device.tags),
    directoryGroups: parseNames(device.directory_groups),
    breakGlass: parseBreakGlass(device.break_glass),
    revision: device.revision,
  };
}

function parseNames(json: string): string[] {
  return z.array(z.string()).catch([]).parse(parseJson(json));
}

function remembered(row: MemoryRow | undefined) {
  if (row === undefined) return { memory: NO_MEMORY, compiled: { key: '', revision: 0 } };
  const { memory, compiled: key, compiled_revision: revision } = row;
  return { memory: parseMemory(parseJson(memory)), compiled: { key, revision } };
}

/** One that another version wrote in another shape is as good as none: the next full report brings it anew. */
function parseInventory(json: string | null): Inventory | null {
  const found = inventory.safeParse(json === null ? null : parseJson(json));
  return found.success ? found.data : null;
}

type LoadedReading = { id: CheckId; reading: Reading<unknown>; knownAt: number | null; askedAt: number };

/** Written by ourselves after it was parsed; a check that a newer server knew is left out. */
function knownCheck(row: ReadingRow): LoadedReading[] {
  if (!isCheckId(row.check_id)) return [];
  const reading = JSON.parse(row.reading) as Reading<unknown>;
  return [{ id: row.check_id, reading, knownAt: row.known_at, askedAt: row.asked_at }];
}

/** A row is written when its reading changes; one that is known still was so when facts were last asserted. */
function knownTimes(rows: readonly LoadedReading[], factsAt: number | null): UnknownSince {
  const entries = rows.flatMap(({ id, reading, knownAt }) => {
    const time = isWhole(id, reading) ? Math.max(knownAt ?? 0, factsAt ?? 0) : knownAt;
    return time === null ? [] : [[id, time]];
  });
  return Object.fromEntries(entries) as UnknownSince;
}

function parseRaw(row: RawRow): WireReading {
  return JSON.parse(row.reading) as WireReading;
}
