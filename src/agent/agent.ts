import { randomBytes } from 'node:crypto';
import type { AgentSelf } from '../../collectors/check.ts';
import type { Readers } from '../../collectors/specs.ts';
import { runAll, type Actor, type StopReport } from '../base/actors.ts';
import { iso, systemClock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rulebook } from '../policy/policy.ts';
import type { Policy } from '../policy/policy.ts';
import { questionsFor } from '../policy/questions.ts';
import type { Report } from '../wire/report.ts';
import { openAgentState, type AgentState } from './agent-state.ts';
import { createBell, type Bell } from './bell.ts';
import type { AgentConfig } from './config.ts';
import { judgeAll, loadDefaultPolicy } from './judgement.ts';
import { createInventory, type ReadInventory } from './inventory.ts';
import type { KeyStore } from './keys.ts';
import { createLink } from './link.ts';
import { takeLock } from './lock.ts';
import type { Hosts, UpdatesSchedule } from './cycle.ts';
import { createOrders, done, type OrderHandlers } from './orders.ts';
import { statePaths } from './paths.ts';
import { collectReport, DEADLINE_MS } from './report.ts';
import { beginRun, runsState } from './runs.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { createSelfBudget, type Pace } from './self-budget.ts';
import { usageNow } from './self-usage.ts';
import type { Standing } from './standing.ts';
import { stateFile } from './state-file.ts';
import { prepareStateFolder } from './state-folder.ts';
import { createWakeWatch } from './wake.ts';

export type AgentOptions = {
  config: AgentConfig;
  stateDir: string;
  version: string;
  readers: Readers;
  hosts: Hosts;
  /** Without it, what kind of computer this is stays unknown. */
  readInventory?: ReadInventory;
  env: Readonly<Record<string, string | undefined>>;
  log: Logger;
};

/** One run of the agent: what its parts share. */
type Run = AgentOptions & {
  state: AgentState;
  crashes: number;
  /** Known once the device is enrolled. */
  known: { keys: KeyStore | null; standing: Standing | null };
};

/** Age in milliseconds of the update service's answer from which on a start asks it anew. */
const UPDATES_AT_START_MS = 15 * 60_000;

/** Milliseconds that each part gets to end. */
const STOP_MS = 5_000;

/**
 * Runs the agent until `signal` aborts or a part of it fails. Throws before anything has started when the state
 * folder cannot be used or another agent uses it.
 */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<StopReport> {
  const { stateDir, config, version, log } = options;
  const paths = statePaths(stateDir);
  await prepareStateFolder(stateDir);
  const unlock = await takeLock(paths.lock);
  try {
    const { crashes, endCleanly } = await beginRun(stateFile(paths.runs, runsState, log));
    const state = await openAgentState({ paths, limits: config.spool, version, crashes, log });
    state.spool.changed.listen(() => state.status.update({ spool: state.spool.summary }));
    const run: Run = { ...options, state, crashes, known: { keys: null, standing: null } };
    log.info({ version, stateDir, crashes }, 'agent started');
    const report = await runAll(await assemble(run), { signal, stopWithinMs: STOP_MS });
    await sayGoodbye(run, report);
    if (report.reason === 'signal') await endCleanly();
    return report;
  } finally {
    await unlock();
  }
}

/** The parts, in the order in which they start. */
async function assemble(run: Run): Promise<Actor[]> {
  const { state, config, log, version, env, known } = run;
  const scheduler = createReporting(run, await loadDefaultPolicy());
  const receipts = createBell<string>();
  const scans = createBell<number>();
  const wakes = createBell<void>();
  const orders = createOrders({
    ledger: state.ledger,
    handlers: handlersWith(scheduler, scans, state),
    clock: state.clock,
    log,
    onReceipt: receipts.ring,
  });
  const link = createLink({
    ...state,
    ...config.server,
    orders,
    receipts,
    scans,
    wakes,
    version,
    env,
    log,
    boot: randomBytes(16).toString('base64url'),
    requestCollection: (which) => (which === 'any' ? scheduler.nudge() : void scheduler.request()),
    onIdentity(found) {
      Object.assign(known, found);
      state.status.update({ keyProtection: found.keys.protection });
    },
  });
  // By the system's own clock: correcting ours is no sleep.
  const wakeWatch = createWakeWatch(systemClock, () => {
    log.info('woken up');
    wakes.ring();
    scheduler.nudge();
  });
  return [scheduler, link, wakeWatch, ...inventoryOf(run)];
}

function inventoryOf({ readInventory: read, state: { clock, status } }: Run): Actor[] {
  if (read === undefined) return [];
  return [createInventory({ read, clock, onRead: (inventory) => status.update({ inventory }) })];
}

/** What this agent can do when the server orders it. */
function handlersWith(scheduler: Scheduler, scans: Bell<number>, { clock }: AgentState): OrderHandlers {
  return {
    'scan features': async () => {
      scans.ring(clock.now());
      return done({ report: await scheduler.request() });
    },
  };
}

/** Collects, spools and judges. */
function createReporting(run: Run, fallback: Policy): Scheduler {
  const { config, readers, state, hosts, stateDir } = run;
  const { clock, status, spool } = state;
  const everyMs = config.collect.everySeconds * 1_000;
  const openCycle = hosts({
    self: () => selfOf(run),
    questions: (platform) => questionsFor(policyInForce(run, fallback), platform),
    cacheFolder: stateDir,
    clock,
    updates: updatesSchedule(config.collect.updatesEverySeconds * 1_000),
  });
  const collect = (signal: AbortSignal) =>
    collectReport({ readers, clock, deadlineMs: DEADLINE_MS, ...openCycle('full', signal) }, signal);
  const budget = createSelfBudget({
    everyMs,
    limits: config.collect.budget,
    clock,
    usage: usageNow,
    onPace: (pace, before) => tellPace(run, pace, before),
  });
  return createScheduler({
    everyMs: budget.everyMs,
    clock,
    collect: (signal) => budget.measure(() => collect(signal)),
    async deliver(report: Report) {
      await spool.add(report);
      const policy = policyInForce(run, fallback);
      const { risk, firstToFix } = judgeAll(report.readings, policy, clock.now());
      status.update({ lastReportAt: report.collectedAt, risk, firstToFix });
    },
    onNext: (nextCollectionAt) => status.update({ nextCollectionAt }),
  });
}

/** The server's policy while this device holds one that is in force, else the shipped one. */
function policyInForce({ known }: Run, fallback: Policy): Rulebook {
  return known.standing?.current()?.policy ?? fallback;
}

/** After a start it is asked soon: the restart may have been an update's last step. */
function updatesSchedule(everyMs: number): UpdatesSchedule {
  return { everyMs, atStartMs: UPDATES_AT_START_MS, patience: 'go-on' };
}

function tellPace({ state, log }: Run, pace: Pace, before: number): void {
  state.status.update({ pace });
  if (pace.stretch > before) log.warn({ pace }, 'reading costs more than its budget; it is done less often');
  if (pace.stretch < before) log.info({ pace }, 'reading is cheaper again; it is done more often');
}

function selfOf({ version, state, known, crashes }: Run): AgentSelf {
  return {
    version,
    startedAt: state.status.current.startedAt,
    keyProtection: known.keys?.protection ?? null,
    integrity: null,
    spoolDropped: state.spool.dropped,
    crashes,
    managed: [],
  };
}

async function sayGoodbye({ state, log }: Run, { reason, by, late, error }: StopReport): Promise<void> {
  const detail = reason === 'signal' ? 'The agent was stopped.' : 'A part of the agent failed.';
  const since = iso(state.clock.now());
  state.status.update({ connection: { state: 'offline', since, because: 'stopped', code: null, detail } });
  await state.status.flush();
  if (reason === 'signal') log.info({ late }, 'agent stopped');
  else log.error({ reason, by, late, err: error }, 'agent ended');
}
