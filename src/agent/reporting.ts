import type { AgentSelf } from '../../collectors/check.ts';
import { checkIds, type CheckId, type Readers, type Readings } from '../../collectors/specs.ts';
import { iso } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { Policy } from '../policy/policy.ts';
import { questionsFor } from '../policy/questions.ts';
import type { Report } from '../wire/report.ts';
import type { AgentState } from './agent-state.ts';
import type { AgentConfig } from './config-schema.ts';
import type { Hosts, OpenCycle, UpdatesSchedule } from './cycle.ts';
import { judgeAll, withOwnTimes, type Judgement, type OwnPolicy } from './judgement.ts';
import { collectReport, DEADLINE_MS, readOne } from './report.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { createSelfBudget, type Pace } from './self-budget.ts';
import { usageNow } from './self-usage.ts';
import type { StandingPolicy } from './standing.ts';
import { createTidying } from './tidy.ts';
import { uuidv7 } from './uuid.ts';

export type ReportingDeps = {
  config: AgentConfig;
  stateDir: string;
  readers: Readers;
  hosts: Hosts;
  state: AgentState;
  log: Logger;
  self: () => AgentSelf;
  /** Resolves when nothing is at work that must not wait for readings. */
  standBack(): Promise<void>;
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
  /** The same for any one check, and the device judges itself by it. Resolves with the report's id. */
  reread(check: CheckId): Promise<string>;
  /** What was read last; null before the first collection. */
  latest(): Readings | null;
  /** The server's policy while this device holds one that is in force, else the shipped one. */
  policyInForce(): OwnPolicy;
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
    standBack: deps.standBack,
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
  const tidy = createTidying();
  const scheduler = createScheduler({
    everyMs: budget.everyMs,
    clock,
    collect: (signal) => budget.measure(() => collect(signal)),
    deliver: (report) => deliver(deps, latest, report).finally(tidy),
    onNext: (nextCollectionAt) => status.update({ nextCollectionAt }),
  });
  const reread = rereader(deps, openCycle, latest, scheduler);
  return {
    scheduler,
    prove: () => void reread('vpn-client', 'report'),
    reread: (check) => reread(check, 'judge'),
    latest: () => latest.report?.readings ?? null,
    policyInForce: () => policyInForce(deps),
  };
}

async function deliver(
  deps: ReportingDeps,
  latest: { report: Report | null },
  report: Report,
): Promise<void> {
  const whole = { ...report, readings: withNewer(report.readings, latest.report?.readings) };
  latest.report = whole;
  await deps.state.spool.add(whole);
  await judgeReport(deps, whole);
}

async function judgeReport(deps: ReportingDeps, { readings, collectedAt }: Report): Promise<void> {
  const { status, clock, checkTimes } = deps.state;
  const noted = checkTimes.note(readings, clock.now());
  const judged = judgeAll(readings, policyInForce(deps), clock.now());
  const { risk, firstToFix } = judged;
  status.update({ lastReportAt: collectedAt, risk, firstToFix });
  await deps.onJudged(judged);
  await noted;
}

function policyInForce({ standing, fallback, state }: ReportingDeps): OwnPolicy {
  return withOwnTimes(standing()?.policy ?? fallback, state.checkTimes.now());
}

/** While everything is read, one check may be read anew: what was read of it before is no news any more. */
function withNewer(readings: Readings, before: Readings | undefined): Readings {
  if (before === undefined) return readings;
  const newer = checkIds.filter((id) => Date.parse(before[id].at) > Date.parse(readings[id].at));
  if (newer.length === 0) return readings;
  return { ...readings, ...Object.fromEntries(newer.map((id) => [id, before[id]])) };
}

type Wish = { checks: Set<CheckId>; isJudged: boolean; done: PromiseWithResolvers<string> };

/** One reading at a time; all who ask during one get another after it, together. */
function rereader(
  deps: ReportingDeps,
  openCycle: OpenCycle,
  latest: { report: Report | null },
  scheduler: Scheduler,
): (check: CheckId, use: 'report' | 'judge') => Promise<string> {
  let isReading = false;
  let next: Wish | null = null;
  const readAll = async () => {
    isReading = true;
    while (next !== null) {
      const wish: Wish = next;
      next = null;
      await rereadOnce(deps, openCycle, latest, scheduler, wish).then(wish.done.resolve, wish.done.reject);
    }
    isReading = false;
  };
  return (check, use) => {
    next ??= { checks: new Set(), isJudged: false, done: Promise.withResolvers() };
    const { checks, done } = next;
    checks.add(check);
    if (use === 'judge') next.isJudged = true;
    if (!isReading) void readAll();
    return done.promise;
  };
}

async function rereadOnce(
  deps: ReportingDeps,
  openCycle: OpenCycle,
  latest: { report: Report | null },
  scheduler: Scheduler,
  { checks, isJudged }: Wish,
): Promise<string> {
  const { readers } = deps;
  const { clock, spool } = deps.state;
  if (latest.report === null) return scheduler.request();
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const now = clock.now();
  const collection = { readers, clock, deadlineMs: DEADLINE_MS, ...openCycle('full', signal) };
  await collection.prepare?.();
  const entries = [...checks].map(async (id) => [id, await readOne(id, collection, signal)] as const);
  const fresh: object = Object.fromEntries(await Promise.all(entries));
  // A whole collection may have been delivered meanwhile.
  const before = latest.report;
  const factsAt = before.factsAt ?? before.collectedAt;
  const readings = withNewer({ ...before.readings, ...fresh }, before.readings);
  const report = { id: uuidv7(now), collectedAt: iso(now), factsAt, readings };
  latest.report = report;
  await spool.add(report);
  if (isJudged) await judgeReport(deps, report);
  return report.id;
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
