import { audit } from '../store/audit.ts';
import { findSignal, openSignals, putSignal, takeWebhook } from '../store/signals.ts';
import type { Db } from '../store/store.ts';
import type { SignalRow } from '../store/tables.ts';
import { SEVERE_FROM, SEVERITIES, type Signal } from './signal.ts';

/** What came of a webhook. */
export type Outcome = 'taken' | 'again' | 'outdated' | 'no_device' | 'ambiguous_device';

/** A webhook that was verified. `at`: when its event happened, milliseconds. */
export type Told = { source: string; webhook: string; signal: Signal; at: number };

/** What a decision rests on: the gravest open signal that is severe. */
export type OpenSignal = { source: string; title: string };

/** A unit of the store, for a device that was found. The same webhook again, or one older than what is known, changes nothing. */
export async function takeSignal(db: Db, told: Told, device: string, now: number): Promise<Outcome> {
  const { source, webhook, signal, at } = told;
  if (!(await takeWebhook(db, source, webhook, now))) return 'again';
  const before = await findSignal(db, source, signal.id);
  if (before !== undefined && before.event_at > at) return 'outdated';
  await putSignal(db, rowOf(told, device, before, now));
  await record(db, told, device, now);
  return 'taken';
}

/** A unit of the store, for what belongs to no device that is known for sure. */
export async function leaveSignal(
  db: Db,
  told: Told,
  why: 'no_device' | 'ambiguous_device',
  now: number,
): Promise<Outcome> {
  if (!(await takeWebhook(db, told.source, told.webhook, now))) return 'again';
  await record(db, told, 'nobody', now, { why, device: told.signal.device });
  return why;
}

/** The gravest open signal about a device that makes it high risk, or null. */
export async function severeSignal(db: Db, device: string): Promise<OpenSignal | null> {
  const [worst] = await openSignals(db, device);
  if (worst === undefined || worst.severity < SEVERE_FROM) return null;
  return { source: worst.source, title: worst.title };
}

function rowOf(
  { source, signal, at }: Told,
  device: string,
  before: SignalRow | undefined,
  now: number,
): SignalRow {
  const isOpen = signal.state === 'open';
  const wasOpen = before !== undefined && before.closed_at === null;
  return {
    source,
    id: signal.id,
    device,
    severity: signal.severity,
    title: signal.title,
    opened_at: wasOpen ? before.opened_at : now,
    changed_at: now,
    event_at: at,
    closed_at: isOpen ? null : now,
    closed_by: isOpen ? null : `signal:${source}`,
  };
}

function record(db: Db, told: Told, subject: string, now: number, more: object = {}): Promise<void> {
  const { source, webhook, signal } = told;
  const { id, severity, title, state } = signal;
  const detail = { id, webhook, severity: SEVERITIES[severity], title, ...more };
  return audit(db, now, { actor: `signal:${source}`, action: `signal ${state}`, subject, detail });
}
