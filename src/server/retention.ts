import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { ServerConfig } from './config.ts';
import {
  pruneAudit,
  pruneCertificates,
  pruneDecisions,
  pruneL2tpEvents,
  pruneLogins,
  pruneNasRequests,
  pruneReports,
  pruneRollouts,
  pruneSessions,
  pruneSignals,
  pruneWebhooks,
} from './store/retention.ts';
import type { Store } from './store/store.ts';

const DAY_MS = 86_400_000;
const EVERY_MS = 3_600_000;
const WEBHOOK_DAYS = 7;

type RetentionParts = { store: Store; clock: Clock; log: Logger; retention: ServerConfig['retention'] };

/** Deletes what is older than the settings allow, each hour until `signal` aborts. */
export async function runRetention(parts: RetentionParts, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const deleted = await prune(parts, signal);
      if (deleted > 0) parts.log.info({ deleted }, 'old records deleted');
    } catch (error) {
      parts.log.warn({ err: error }, 'old records not deleted');
    }
    await parts.clock.sleep(EVERY_MS, signal).catch(() => {});
  }
}

/** Deletes in small units, so that reports get through in between. */
export async function prune(
  { store, clock, retention }: Omit<RetentionParts, 'log'>,
  signal?: AbortSignal,
): Promise<number> {
  const history = clock.now() - retention.historyDays * DAY_MS;
  const record = clock.now() - retention.auditDays * DAY_MS;
  const sessions = clock.now() - retention.sessionDays * DAY_MS;
  let total = 0;
  for (const [step, before] of [
    [pruneReports, history],
    [pruneDecisions, history],
    [pruneAudit, record],
    [pruneRollouts, record],
    [pruneCertificates, record],
    [pruneL2tpEvents, history],
    [pruneSessions, sessions],
    [pruneLogins, sessions],
    [pruneNasRequests, sessions],
    [pruneSignals, history],
    // Senders try for three days at most.
    [pruneWebhooks, clock.now() - WEBHOOK_DAYS * DAY_MS],
  ] as const) {
    for (;;) {
      const deleted = await store.write((db) => step(db, before));
      total += deleted;
      if (deleted === 0 || signal?.aborted) break;
    }
  }
  return total;
}
