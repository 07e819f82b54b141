import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { account, end, type Accounted } from './accounting.ts';
import type { AccountingRecord } from './accounting-request.ts';
import type { Listening } from './listening.ts';
import { overdueSessions } from './store/sessions.ts';
import type { Store } from './store/store.ts';
import type { SessionRow } from './store/tables.ts';

/** The VPN sessions that gateways tell of. */
export type Sessions = {
  /** Resolves once the record is on disk; only then may the NAS be told that it was taken. */
  account(gateway: string, record: AccountingRecord): Promise<void>;
  /** Ends sessions of which nothing has been heard for too long, until `signal` aborts. */
  reap(signal: AbortSignal): Promise<void>;
};

export type SessionParts = {
  store: Store;
  clock: Clock;
  log: Logger;
  /** What nobody could tell us while we were away is not the session's silence. */
  listening: Listening;
  lostAfterSeconds: number;
  /** Called after the commit, for each device whose sessions are others than before. */
  changed(device: string): Promise<void>;
  /** Called after the commit of a session that is new. */
  opened(session: SessionRow): void;
};

const REAP_EVERY_MS = 5_000;
const BATCH = 200;

export function createSessions(parts: SessionParts): Sessions {
  const { store, clock, log, lostAfterSeconds } = parts;
  return {
    async account(gateway, record) {
      const context = { gateway, lostAfterSeconds, now: clock.now() };
      tell(parts, await store.write((db) => account(db, record, context)));
    },
    async reap(signal) {
      while (!signal.aborted) {
        await reapOnce(parts).catch((error: unknown) => log.warn({ err: error }, 'lost sessions not ended'));
        await clock.sleep(REAP_EVERY_MS, signal).catch(() => {});
      }
    },
  };
}

/** A lost Stop must not keep a session up for ever. It ended when it was last heard, as far as anybody knows. */
async function reapOnce(parts: SessionParts): Promise<void> {
  const { store, clock, listening, lostAfterSeconds } = parts;
  const now = clock.now();
  if (now - listening.since() < lostAfterSeconds * 1_000) return;
  if ((await store.read((db) => overdueSessions(db, now, 1))).length === 0) return;
  const devices = await store.write(async (db) => {
    const touched: string[] = [];
    for (const session of await overdueSessions(db, now, BATCH)) {
      touched.push(...(await end(db, session, session.seen_at, 'lost')));
    }
    return touched;
  });
  tell(parts, { opened: [], devices });
}

function tell({ log, changed, opened }: SessionParts, accounted: Accounted): void {
  for (const device of new Set(accounted.devices)) {
    changed(device).catch((error: unknown) => log.error({ err: error, device }, 'device not judged anew'));
  }
  accounted.opened.forEach(opened);
}
