import type { Readings } from '../../collectors/specs.ts';
import type { UnknownSince } from '../policy/judge.ts';
import { toWire } from '../wire/report.ts';
import type { Acceptance, Content } from './accept-report.ts';
import type { DeviceState } from './device-state.ts';
import { judgeDevice, NO_NEWS, type Judging, type News } from './judge-device.ts';
import { raiseAlarm } from './store/alarms.ts';
import { advance, type Progress } from './store/devices.ts';
import { contentOf, deleteRaw, deleteReadings, insertReport, putRaw, putReadings } from './store/reports.ts';
import type { Db } from './store/store.ts';
import type { ReadingRow } from './store/tables.ts';

export type Recording = {
  outcome: 'stored' | 'again' | 'conflict';
  /** The device as it now is on disk. */
  state: DeviceState;
  news: News;
};

/** Thrown inside a unit so that nothing of it is stored: the number was used, or the device revoked, meanwhile. */
export class NotAdvanced extends Error {
  override name = 'NotAdvanced';
}

/** A unit of the store: report, sequence number, readings and decision together, or nothing. */
export async function recordReport(
  db: Db,
  before: DeviceState,
  acceptance: Acceptance,
  judging: Judging,
  now: number,
): Promise<Recording> {
  const { claims, content, next } = acceptance;
  if (content !== null && !(await insertReport(db, reportRow(acceptance, content, now)))) {
    const known = await contentOf(db, before.id, claims.jti);
    return known === content.digest
      ? recordAgain(db, before, next)
      : recordConflict(db, before, next, claims.jti, now);
  }
  await advanceTo(db, next);
  if (content === null || content.historic) return judgedRecording(db, next, judging, now);
  await deleteReadings(db, next.id, content.dropped);
  await putReadings(db, readingRows(before, next, content.given.readings));
  await deleteRaw(
    db,
    next.id,
    Object.keys(before.raw).filter((check) => !Object.hasOwn(next.raw, check)),
  );
  await putRaw(db, rawRows(next.id, content, now));
  return judgedRecording(db, next, judging, now);
}

async function judgedRecording(db: Db, next: DeviceState, judging: Judging, now: number): Promise<Recording> {
  return { outcome: 'stored', ...(await judgeDevice(db, next, judging, now)) };
}

/** The same report once more, because its ack was lost: stored once, acknowledged again. */
async function recordAgain(db: Db, before: DeviceState, next: DeviceState): Promise<Recording> {
  const isLatest = next.lastReport === before.lastReport;
  const { base, inventory } = isLatest ? next : before;
  const state = { ...before, seq: next.seq, base, inventory };
  await advanceTo(db, state);
  return { outcome: 'again', state, news: NO_NEWS };
}

async function recordConflict(
  db: Db,
  before: DeviceState,
  next: DeviceState,
  report: string,
  now: number,
): Promise<Recording> {
  const state: DeviceState = { ...before, seq: next.seq };
  await advanceTo(db, state);
  const isNew = await raiseAlarm(
    db,
    { device: before.id, kind: 'report_conflict', detail: `report ${report}` },
    now,
  );
  const alarms = isNew ? [...before.alarms, 'report_conflict' as const] : before.alarms;
  return { outcome: 'conflict', state: { ...state, alarms }, news: NO_NEWS };
}

async function advanceTo(db: Db, state: DeviceState): Promise<void> {
  if (!(await advance(db, progressOf(state)))) throw new NotAdvanced();
}

function progressOf(state: DeviceState): Progress {
  return {
    id: state.id,
    seq: state.seq,
    base_seq: state.base?.seq ?? null,
    base_dig: state.base?.dig ?? null,
    last_report: state.lastReport,
    seen_at: state.seenAt,
    facts_at: state.factsAt,
    agent_version: state.agentVersion,
    dropped: state.dropped,
    inventory: state.inventory === null ? null : JSON.stringify(state.inventory),
  };
}

function reportRow({ claims, next }: Acceptance, { digest, given }: Content, now: number) {
  return {
    device: next.id,
    id: claims.jti,
    kind: claims.kind,
    seq: claims.seq,
    collected_at: Date.parse(claims.collected_at),
    received_at: now,
    content: digest,
    readings: JSON.stringify({ ...toWire(given.readings), ...given.raw }),
  };
}

function readingRows(before: DeviceState, next: DeviceState, given: Partial<Readings>): ReadingRow[] {
  return Object.entries(given).map(([check, reading]) => ({
    device: next.id,
    check_id: check,
    reading: JSON.stringify(reading),
    known_at: at(next.knownAt, check),
    asked_at: at(before.askedAt, check) ?? at(next.askedAt, check) ?? 0,
  }));
}

function at(times: UnknownSince, check: string): number | null {
  return (times as Record<string, number | undefined>)[check] ?? null;
}

function rawRows(device: string, { given }: Content, now: number) {
  return Object.entries(given.raw).map(([check, reading]) => ({
    device,
    check_id: check,
    reading: JSON.stringify(reading),
    received_at: now,
  }));
}
