import type { AgentSelf } from '../../collectors/check.ts';
import type { Readers, Readings } from '../../collectors/specs.ts';
import { iso } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Rulebook } from '../policy/policy.ts';
import type { Policy } from '../policy/policy.ts';
import { questionsFor } from '../policy/questions.ts';
import type { Report } from '../wire/report.ts';
import type { AgentState } from './agent-state.ts';
import type { AgentConfig } from './config.ts';
import type { Hosts, OpenCycle, UpdatesSchedule } from './cycle.ts';
import { judgeAll, type Judgement } from './judgement.ts';
import { collectReport, DEADLINE_MS, readOne } from './report.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { createSelfBudget, type Pace } from './self-budget.ts';
import { usageNow } from './self-usage.ts';
import type { StandingPolicy } from './standing.ts';
import { uuidv7 } from './uuid.ts';

export type ReportingDeps = {
  config: AgentConfig;
  stateDir: string;
  readers: Readers;
  hosts: Hosts;
  state: AgentState;
  log: Logger;
  self: () => AgentSelf;
  standing: () => StandingPolicy | null;
  /** For a device that was given no policy. */
  fallback: Policy;
  onJudged(judged: Judgement): Promise<void>;
};

export type Reporting = {
  scheduler: Scheduler;
  /**
   * Reads the VPN anew and reports it together with what is known of the rest: the proof of what an order did should
   * not wait for a whole collection. Never rejects.
   */
  prove(): void;
};

/** Age in milliseconds of the update service's answer from which on a start asks it anew. */
const UPDATES_AT_START_MS = 15 * 60_000;

/** Collects, spools and judges. */
export function createReporting(deps: ReportingDeps): Reporting {
  const { config, state, hosts, stateDir, readers } = deps;
  const { clock, status } = state;
  const everyMs = config.collect.everySeconds * 1_000;
  const openCycle = hosts({
    self: deps.self,
    questions: (platform) => questionsFor(policyInForce(deps), platform),
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
    onPace: (pace, before) => tellPace(deps, pace, before),
  });
  const latest: { report: Report | null } = { report: null };
  const scheduler = createScheduler({
    everyMs: budget.everyMs,
    clock,
    collect: (signal) => budget.measure(() => collect(signal)),
    deliver: (report) => deliver(deps, latest, report),
    onNext: (nextCollectionAt) => status.update({ nextCollectionAt }),
  });
  return { scheduler, prove: proving(deps, openCycle, latest, scheduler) };
}

async function deliver(
  deps: ReportingDeps,
  latest: { report: Report | null },
  report: Report,
): Promise<void> {
  const { spool, status, clock } = deps.state;
  const readings = withNewerVpn(report.readings, latest.report?.readings);
  const whole = { ...report, readings };
  latest.report = whole;
  await spool.add(whole);
  const judged = judgeAll(readings, policyInForce(deps), clock.now());
  const { risk, firstToFix } = judged;
  status.update({ lastReportAt: report.collectedAt, risk, firstToFix });
  await deps.onJudged(judged);
}

/** The server's policy while this device holds one that is in force, else the shipped one. */
function policyInForce({ standing, fallback }: ReportingDeps): Rulebook {
  return standing()?.policy ?? fallback;
}

/** While everything is read, an order may be carried out and proven: what was read before it is no news any more. */
function withNewerVpn(readings: Readings, before: Readings | undefined): Readings {
  const known = before?.['vpn-client'];
  if (known === undefined || Date.parse(known.at) <= Date.parse(readings['vpn-client'].at)) return readings;
  return { ...readings, 'vpn-client': known };
}

/** One reading at a time; whoever asks during one gets another after it. */
function proving(
  deps: ReportingDeps,
  openCycle: OpenCycle,
  latest: { report: Report | null },
  scheduler: Scheduler,
): () => void {
  let isReading = false;
  let isAsked = false;
  const readAll = async () => {
    isReading = true;
    while (isAsked) {
      isAsked = false;
      await proveOnce(deps, openCycle, latest, scheduler);
    }
    isReading = false;
  };
  return () => {
    isAsked = true;
    if (!isReading) void readAll();
  };
}

async function proveOnce(
  { readers, state: { clock, spool } }: ReportingDeps,
  openCycle: OpenCycle,
  latest: { report: Report | null },
  scheduler: Scheduler,
): Promise<void> {
  if (latest.report === null) return scheduler.nudge();
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const now = clock.now();
  const collection = { readers, clock, deadlineMs: DEADLINE_MS, ...openCycle('full', signal) };
  await collection.prepare?.();
  const reading = await readOne('vpn-client', collection, signal);
  // A whole collection may have been delivered meanwhile.
  const before = latest.report;
  const factsAt = before.factsAt ?? before.collectedAt;
  const readings = withNewerVpn({ ...before.readings, 'vpn-client': reading } as Readings, before.readings);
  latest.report = { id: uuidv7(now), collectedAt: iso(now), factsAt, readings };
  await spool.add(latest.report);
}

/** After a start it is asked soon: the restart may have been an update's last step. */
function updatesSchedule(everyMs: number): UpdatesSchedule {
  return { everyMs, atStartMs: UPDATES_AT_START_MS, patience: 'go-on' };
}

function tellPace({ state, log }: ReportingDeps, pace: Pace, before: number): void {
  state.status.update({ pace });
  if (pace.stretch > before) log.warn({ pace }, 'reading costs more than its budget; it is done less often');
  if (pace.stretch < before) log.info({ pace }, 'reading is cheaper again; it is done more often');
}
