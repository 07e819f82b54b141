import { randomBytes } from 'node:crypto';
import type { AgentSelf } from '../../collectors/check.ts';
import type { Readers } from '../../collectors/specs.ts';
import { runAll, type StopReport } from '../base/actors.ts';
import { iso } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Report } from '../wire/report.ts';
import { createBell } from './bell.ts';
import type { AgentConfig } from './config.ts';
import { clockState, openCorrectedClock, type CorrectedClock } from './corrected-clock.ts';
import { enrolmentState } from './enrolment.ts';
import { judgeAll, loadDefaultPolicy } from './judgement.ts';
import type { KeyStore } from './keys.ts';
import { Ledger, ledgerState } from './ledger.ts';
import { createLink } from './link.ts';
import { takeLock } from './lock.ts';
import type { OpenHost } from './open-host.ts';
import { createOrders, done, type OrderHandlers } from './orders.ts';
import { statePaths, type StatePaths } from './paths.ts';
import { collectReport, DEADLINE_MS } from './report.ts';
import { beginRun, runsState } from './runs.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { openSequence, sequenceState } from './sequence.ts';
import { Spool } from './spool.ts';
import { standingState, type Standing } from './standing.ts';
import { stateFile } from './state-file.ts';
import { prepareStateFolder } from './state-folder.ts';
import { createStatusBoard, type Status, type StatusBoard } from './status.ts';

export type AgentOptions = {
  config: AgentConfig;
  stateDir: string;
  version: string;
  readers: Readers;
  hosts: (self: () => AgentSelf, cacheFolder: string) => OpenHost;
  env: Readonly<Record<string, string | undefined>>;
  log: Logger;
};

/** Milliseconds that each part gets to end. */
const STOP_MS = 5_000;

/**
 * Runs the agent until `signal` aborts or a part of it fails. Throws before anything has started when the state
 * folder cannot be used or another agent uses it.
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<StopReport> {
  const paths = statePaths(options.stateDir);
  await prepareStateFolder(options.stateDir);
  const unlock = await takeLock(paths.lock);
  try {
    const run = await beginRun(stateFile(paths.runs, runsState, options.log));
    const report = await runParts(options, paths, run.crashes, signal);
    if (report.reason === 'signal') await run.endCleanly();
    return report;
  } finally {
    await unlock();
  }
}

async function runParts(
  options: AgentOptions,
  paths: StatePaths,
  crashes: number,
  signal: AbortSignal,
): Promise<StopReport> {
  const { config, log, version } = options;
  const clock = await openCorrectedClock(stateFile(paths.clock, clockState, log));
  const spool = await Spool.open(paths.spool, config.spool, log);
  const startedAt = iso(clock.now());
  const status = createStatusBoard(paths.status, firstStatus(version, startedAt, crashes, spool), clock, log);
  /** Known once the device is enrolled. */
  const known: { keys: KeyStore | null; standing: Standing | null } = { keys: null, standing: null };
  const self = (): AgentSelf => ({
    version,
    startedAt,
    keyProtection: known.keys?.protection ?? null,
    integrity: null,
    spoolDropped: spool.dropped,
    crashes,
    managed: [],
  });
  const scheduler = await scheduling(options, { clock, spool, status, self, known });
  const ledger = await Ledger.open(stateFile(paths.orders, ledgerState, log), clock.now());
  const receipts = createBell<string>();
  const scans = createBell<number>();
  const handlers: OrderHandlers = {
    'scan features': async () => {
      scans.ring(clock.now());
      return done({ report: await scheduler.request() });
    },
  };
  const orders = createOrders({ ledger, handlers, clock, log, onReceipt: receipts.ring });
  const link = createLink({
    ...{ clock, spool, status, log, ledger, orders, receipts, scans, version },
    ...{ url: config.server.url, caFile: config.server.caFile, proxy: config.server.proxy, env: options.env },
    transport: config.server.transport,
    boot: randomBytes(16).toString('base64url'),
    sequence: await openSequence(stateFile(paths.sequence, sequenceState, log)),
    enrolment: stateFile(paths.enrolment, enrolmentState, log),
    standingFile: stateFile(paths.standing, standingState, log),
    keyFile: paths.keys,
    requestCollection: () => void scheduler.request(),
    onIdentity: (found) => {
      Object.assign(known, found);
      status.update({ keyProtection: found.keys.protection });
    },
  });
  log.info({ version, stateDir: options.stateDir, crashes }, 'agent started');
  const report = await runAll([scheduler, link], { signal, stopWithinMs: STOP_MS });
  await end(status, clock, report, log);
  return report;
}

type Parts = {
  clock: CorrectedClock;
  spool: Spool;
  status: StatusBoard;
  self(): AgentSelf;
  known: { readonly standing: Standing | null };
};

async function scheduling(
  { config, readers, hosts, stateDir }: AgentOptions,
  { clock, spool, status, self, known }: Parts,
): Promise<Scheduler> {
  const fallback = await loadDefaultPolicy();
  const openHost = hosts(self, stateDir);
  return createScheduler({
    everyMs: config.collect.everySeconds * 1_000,
    clock,
    collect: (signal) =>
      collectReport(
        {
          readers,
          openHost,
          clock,
          deadlineMs: DEADLINE_MS,
        },
        signal,
      ),
    async deliver(report: Report) {
      await spool.add(report);
      const policy = known.standing?.current()?.policy ?? fallback;
      const { risk, firstToFix } = judgeAll(report.readings, policy, clock.now());
      status.update({ lastReportAt: report.collectedAt, risk, firstToFix, spool: spool.summary });
    },
    onNext: (nextCollectionAt) => status.update({ nextCollectionAt }),
  });
}

function firstStatus(version: string, startedAt: string, crashes: number, spool: Spool): Status {
  return {
    version,
    pid: process.pid,
    startedAt,
    updatedAt: startedAt,
    server: null,
    device: null,
    enrolment: 'none',
    connection: { state: 'offline', since: startedAt, because: 'starting', code: null, detail: 'Starting.' },
    lastReportAt: null,
    lastAckAt: null,
    nextCollectionAt: null,
    decision: null,
    risk: null,
    firstToFix: null,
    spool: spool.summary,
    keyProtection: null,
    clockOffsetMs: 0,
    crashes,
  };
}

async function end(
  status: StatusBoard,
  clock: CorrectedClock,
  report: StopReport,
  log: Logger,
): Promise<void> {
  const detail = report.reason === 'signal' ? 'The agent was stopped.' : 'A part of the agent failed.';
  const since = iso(clock.now());
  status.update({ connection: { state: 'offline', since, because: 'stopped', code: null, detail } });
  await status.flush();
  const { reason, by, late, error } = report;
  if (reason === 'signal') log.info({ late }, 'agent stopped');
  else log.error({ reason, by, late, err: error }, 'agent ended');
}
