import { randomUUIDv7 } from 'node:crypto';
import type { AccountingRecord } from './accounting-request.ts';
import {
  findLogin,
  insertSession,
  noteAccounting,
  openOnNas,
  sessionsOnPort,
  updateSession,
} from './store/sessions.ts';
import type { Db } from './store/store.ts';
import type { LoginRow, SessionRow } from './store/tables.ts';

/** What an accounting record changed. `devices`: whose sessions are now others than before. */
export type Accounted = { opened: SessionRow[]; devices: string[] };

type Context = {
  /** The credential that speaks: it reaches the sessions of its own NASes and no other. */
  gateway: string;
  /** After this many seconds without a word a session counts as lost. */
  lostAfterSeconds: number;
  /** Milliseconds. */
  now: number;
};

/** A session of which nobody says when it ends. */
const LONGEST_SECONDS = 86_400;
const SLACK_SECONDS = 600;
const NOTHING: Accounted = { opened: [], devices: [] };

/**
 * A unit of the store. The same record again changes nothing; one that comes late does not undo a later one. A
 * session is recognised by NAS, port, address and the login's nonce: the NAS's own session id is not unique
 * everywhere (pppd 2.4.9 of Debian 12 sends its format string).
 */
export async function account(db: Db, record: AccountingRecord, context: Context): Promise<Accounted> {
  await noteAccounting(db, context.gateway, context.now);
  if (record.kind === 'nas-restart') return endAll(db, record, context);
  const known = await sessionOf(db, record, context);
  if (record.kind === 'start') return started(db, record, known, context);
  if (known === undefined) return open(db, record, context);
  return record.kind === 'stop' ? stopped(db, record, known, context) : heard(db, record, known, context);
}

async function sessionOf(
  db: Db,
  record: AccountingRecord,
  { gateway }: Context,
): Promise<SessionRow | undefined> {
  const { nas, nasPort, nonce, acctSessionId, framedAddress } = record;
  const candidates = await sessionsOnPort(db, { gateway, nas, nas_port: nasPort, login: nonce });
  return candidates.find(
    (one) =>
      // A Start may come before the address is given out.
      (one.framed_address === framedAddress || one.framed_address === '' || framedAddress === '') &&
      (nonce !== '' || one.acct_session_id === acctSessionId),
  );
}

/** The same answer of the gate can serve two sessions, one after the other, where a gateway keeps it. */
async function started(
  db: Db,
  record: AccountingRecord,
  known: SessionRow | undefined,
  context: Context,
): Promise<Accounted> {
  if (known === undefined) return open(db, record, context);
  if (known.acct_session_id !== record.acctSessionId) {
    const before = known.ended_at === null ? await end(db, known, known.seen_at, 'lost') : [];
    const { opened, devices } = await open(db, record, context);
    return { opened, devices: [...before, ...devices] };
  }
  return known.ended_at === null || known.cause === 'lost' ? heard(db, record, known, context) : NOTHING;
}

async function open(db: Db, record: AccountingRecord, context: Context): Promise<Accounted> {
  const { gateway, now } = context;
  const login = record.nonce === '' ? undefined : await findLogin(db, gateway, record.nonce);
  const lost = await endOthersAt(db, record, context);
  const row = rowOf(record, login, context);
  if (record.kind === 'stop') {
    await insertSession(db, { ...row, ended_at: now - record.delay * 1_000, cause: record.cause ?? 'stop' });
    return { opened: [], devices: lost };
  }
  await insertSession(db, row);
  return { opened: [row], devices: [...lost, ...deviceOf(row)] };
}

/** An address is given out once at a time: whoever had it before is gone, only its Stop was lost. */
async function endOthersAt(db: Db, record: AccountingRecord, { gateway }: Context): Promise<string[]> {
  const { nas, framedAddress, kind } = record;
  if (framedAddress === '' || kind === 'stop') return [];
  const others = await openOnNas(db, { gateway, nas }, framedAddress);
  const devices = await Promise.all(others.map((one) => end(db, one, one.seen_at, 'lost')));
  return devices.flat();
}

function rowOf(record: AccountingRecord, login: LoginRow | undefined, context: Context): SessionRow {
  const { gateway, now } = context;
  const lasts = login?.session_timeout ?? LONGEST_SECONDS;
  return {
    id: randomUUIDv7(),
    gateway,
    nas: record.nas,
    nas_port: record.nasPort,
    framed_address: record.framedAddress,
    login: record.nonce,
    acct_session_id: record.acctSessionId,
    device: login?.device ?? null,
    user: record.user,
    address: login?.address ?? record.address,
    access: login?.access ?? null,
    ceiling: login?.ceiling ?? null,
    started_at: now - (record.delay + record.duration) * 1_000,
    seen_at: now,
    // Not every NAS sends interim records, so the first one is not waited for.
    expires_at: now + (lasts + SLACK_SECONDS) * 1_000,
    ended_at: null,
    cause: null,
    bytes_in: record.bytesIn,
    bytes_out: record.bytesOut,
  };
}

/** Start again, or Interim-Update. One that was given up for lost is up after all. */
async function heard(
  db: Db,
  record: AccountingRecord,
  known: SessionRow,
  { now, lostAfterSeconds }: Context,
): Promise<Accounted> {
  if (known.ended_at !== null && known.cause !== 'lost') return NOTHING;
  const pause = record.kind === 'interim' ? Math.max(lostAfterSeconds * 1_000, 3 * (now - known.seen_at)) : 0;
  await updateSession(db, known.id, {
    ...counters(record, known),
    framed_address: known.framed_address || record.framedAddress,
    seen_at: now,
    expires_at: pause === 0 ? Math.max(known.expires_at, now + lostAfterSeconds * 1_000) : now + pause,
    ended_at: null,
    cause: null,
  });
  return { opened: [], devices: known.ended_at === null ? [] : deviceOf(known) };
}

async function stopped(
  db: Db,
  record: AccountingRecord,
  known: SessionRow,
  { now }: Context,
): Promise<Accounted> {
  const wasUp = known.ended_at === null;
  // What we ended ourselves gets its true end and cause; a Stop that comes again changes nothing.
  const ended = wasUp || isOurs(known.cause) ? now - record.delay * 1_000 : known.ended_at;
  const cause = wasUp || isOurs(known.cause) ? (record.cause ?? 'stop') : known.cause;
  await updateSession(db, known.id, { ...counters(record, known), ended_at: ended, cause });
  return { opened: [], devices: wasUp ? deviceOf(known) : [] };
}

/** Ends that are our own conclusion, not the NAS's word. */
function isOurs(cause: string | null): boolean {
  return cause === 'lost' || cause === 'disconnected';
}

function counters({ bytesIn, bytesOut }: AccountingRecord, known: SessionRow) {
  return {
    bytes_in: Math.max(known.bytes_in, bytesIn),
    bytes_out: Math.max(known.bytes_out, bytesOut),
  };
}

/** Accounting-On and -Off: the NAS has forgotten them all. */
async function endAll(db: Db, { nas, delay }: AccountingRecord, context: Context): Promise<Accounted> {
  const { gateway, now } = context;
  const at = now - delay * 1_000;
  const up = (await openOnNas(db, { gateway, nas })).filter((one) => one.started_at <= at);
  const devices: string[] = [];
  for (const one of up) devices.push(...(await end(db, one, at, 'nas-restart')));
  return { opened: [], devices };
}

/** Ends a session at a time (milliseconds); answers with the device whose it was. */
export async function end(db: Db, session: SessionRow, at: number, cause: string): Promise<string[]> {
  await updateSession(db, session.id, { ended_at: Math.max(at, session.started_at), cause });
  return deviceOf(session);
}

function deviceOf({ device }: SessionRow): string[] {
  return device === null ? [] : [device];
}
