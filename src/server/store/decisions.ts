import { randomUUIDv7 } from 'node:crypto';
import { iso } from '../../base/clock.ts';
import { decision as decisionSchema, type Decision, type Held } from '../../wire/decision.ts';
import { inSlices } from './memories.ts';
import { preparedRows } from './prepared.ts';
import type { Db } from './store.ts';
import type { DecisionRow } from './tables.ts';

/** A decision with the id under which it is on record. */
export type Recorded = { id: string; decision: Decision };

const insert = preparedRows((db, rows: DecisionRow[]) =>
  db.insertInto('decisions').values(
    rows.map((row) => ({
      id: row.id,
      device: row.device,
      at: row.at,
      access: row.access,
      risk_score: row.risk_score,
      risk_level: row.risk_level,
      reason: row.reason,
      sentence: row.sentence,
      since: row.since,
      until: row.until,
      policy: row.policy,
      mode: row.mode,
      would: row.would,
      held: row.held,
      deadline: row.deadline,
    })),
  ),
);

/** Appends to the history of decisions; a device's newest is its current one. Answers in the order given. */
export async function insertDecisions(
  db: Db,
  decided: readonly { device: string; decision: Decision }[],
  now: number,
): Promise<Recorded[]> {
  const rows = decided.map(({ device, decision }) => rowOf(device, decision, now));
  await inSlices(rows, (slice) => insert(db, slice));
  return rows.flatMap(({ id }, index) => {
    const decision = decided[index]?.decision;
    return decision === undefined ? [] : [{ id, decision }];
  });
}

function rowOf(device: string, decision: Decision, now: number): DecisionRow {
  const { access, risk, reason, sentence, since, until, policy, mode, would, held, deadline } = decision;
  return {
    id: randomUUIDv7(),
    device,
    at: now,
    access,
    risk_score: risk.score,
    risk_level: risk.level,
    reason,
    sentence,
    since: Date.parse(since),
    until: Date.parse(until),
    policy,
    mode,
    would,
    held,
    deadline: deadline === null ? null : Date.parse(deadline),
  };
}

export async function currentDecision(db: Db, device: string): Promise<Recorded | null> {
  const [row] = await latestRows(db, device, 1);
  return row === undefined ? null : { id: row.id, decision: fromRow(row) };
}

/** The latest decisions about a device, newest first, each with the time (milliseconds) from which it held. */
export async function decisionHistory(
  db: Db,
  device: string,
  limit: number,
): Promise<{ at: number; decision: Decision }[]> {
  const rows = await latestRows(db, device, limit);
  return rows.map((row) => ({ at: row.at, decision: fromRow(row) }));
}

/** Live devices whose decision in force is held back by this. */
export function heldDevices(db: Db, held: Held) {
  const current = db
    .selectFrom('decisions')
    .select((select) => select.fn.max('id').as('id'))
    .groupBy('device');
  return db
    .selectFrom('decisions')
    .innerJoin('devices', 'devices.id', 'decisions.device')
    .select(['decisions.device', 'devices.name', 'decisions.would', 'decisions.reason', 'decisions.sentence'])
    .where('decisions.held', '=', held)
    .where('devices.status', '=', 'live')
    .where('decisions.id', 'in', current)
    .orderBy('devices.name')
    .execute();
}

function latestRows(db: Db, device: string, limit: number): Promise<DecisionRow[]> {
  return db
    .selectFrom('decisions')
    .selectAll()
    .where('device', '=', device)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}

function fromRow(row: DecisionRow): Decision {
  return decisionSchema.parse({
    access: row.access,
    risk: { score: row.risk_score, level: row.risk_level },
    reason: row.reason,
    sentence: row.sentence,
    since: iso(row.since),
    until: iso(row.until),
    policy: row.policy,
    ...(row.mode !== null && { mode: row.mode }),
    would: row.would,
    held: row.held,
    deadline: row.deadline === null ? null : iso(row.deadline),
  });
}
