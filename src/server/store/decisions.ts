import { randomUUIDv7 } from 'node:crypto';
import { iso } from '../../base/clock.ts';
import { decision as decisionSchema, type Decision } from '../../wire/decision.ts';
import type { Db } from './store.ts';
import type { DecisionRow } from './tables.ts';

/** A decision with the id under which it is on record. */
export type Recorded = { id: string; decision: Decision };

/** Appends to the history of decisions; the newest is the current one. */
export async function insertDecision(
  db: Db,
  device: string,
  decision: Decision,
  now: number,
): Promise<Recorded> {
  const id = randomUUIDv7();
  const { access, risk, reason, sentence, policy } = decision;
  await db
    .insertInto('decisions')
    .values({
      id,
      device,
      at: now,
      access,
      risk_score: risk.score,
      risk_level: risk.level,
      reason,
      sentence,
      since: Date.parse(decision.since),
      until: Date.parse(decision.until),
      policy,
    })
    .execute();
  return { id, decision };
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
  });
}
