import { dirname } from 'node:path';
import { removeLeftovers } from '../base/atomic-file.ts';
import { iso } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { certificateState, type CertificateState } from './certificate/certificate-store.ts';
import { credentialState, type CredentialState } from './credential/keeper.ts';
import type { AgentConfig } from './config-schema.ts';
import { checkTimesState, openCheckTimes, type CheckTimes } from './check-times.ts';
import { clockState, openCorrectedClock, type CorrectedClock } from './corrected-clock.ts';
import { enrolmentState, type EnrolmentState } from './enrolment.ts';
import type { KeyHome } from './key-choice.ts';
import { Ledger, ledgerState } from './ledger.ts';
import { rememberedSchema, type Remembered } from './managed-kept.ts';
import type { StatePaths } from './paths.ts';
import { openSequence, sequenceState, type Sequence } from './sequence.ts';
import { Spool } from './spool.ts';
import { standingState, type StandingState } from './standing.ts';
import { peek, stateFile, type StateFile } from './state-file.ts';
import { daysState, type DaysState } from './tray-days.ts';
import { createStatusBoard, statusSchema, type Status, type StatusBoard } from './status.ts';

/** What lies in the state folder, opened: everything that outlives a run of the agent. */
export type AgentState = {
  clock: CorrectedClock;
  spool: Spool;
  ledger: Ledger;
  sequence: Sequence;
  status: StatusBoard;
  enrolment: StateFile<EnrolmentState>;
  standingFile: StateFile<StandingState>;
  checkTimes: CheckTimes;
  keyHome: KeyHome;
  days: StateFile<DaysState>;
  certificateFile: StateFile<CertificateState>;
  credentialFile: StateFile<CredentialState | null>;
  managed: StateFile<Remembered>;
};

export type OpenStateOptions = {
  paths: StatePaths;
  keyHome: KeyHome;
  limits: AgentConfig['spool'];
  version: string;
  crashes: number;
  log: Logger;
};

export async function openAgentState(options: OpenStateOptions): Promise<AgentState> {
  const { paths, keyHome, limits, log } = options;
  await removeLeftovers(dirname(paths.status));
  const clock = await openCorrectedClock(stateFile(paths.clock, clockState, log));
  const spool = await Spool.open(paths.spool, limits, log);
  // How long the server has been silent does not begin anew with each start.
  const before = await peek(paths.status, statusSchema).catch(() => null);
  const lastAckAt = before?.state === 'present' ? before.value.lastAckAt : null;
  return {
    clock,
    spool,
    ledger: await Ledger.open(stateFile(paths.orders, ledgerState, log)),
    sequence: await openSequence(stateFile(paths.sequence, sequenceState, log)),
    status: createStatusBoard(
      paths.status,
      firstStatus(options, iso(clock.now()), spool, lastAckAt),
      clock,
      log,
    ),
    enrolment: stateFile(paths.enrolment, enrolmentState, log),
    standingFile: stateFile(paths.standing, standingState, log),
    checkTimes: await openCheckTimes(stateFile(paths.checkTimes, checkTimesState, log), log),
    keyHome,
    days: stateFile(paths.days, daysState, log),
    certificateFile: stateFile(paths.certificate, certificateState, log),
    credentialFile: stateFile(paths.credential, () => credentialState().nullable(), log),
    managed: stateFile(paths.managed, rememberedSchema, log),
  };
}

function firstStatus(
  { version, crashes }: OpenStateOptions,
  startedAt: string,
  spool: Spool,
  lastAckAt: string | null,
): Status {
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
    lastAckAt,
    nextCollectionAt: null,
    decision: null,
    risk: null,
    firstToFix: null,
    spool: spool.summary,
    keyProtection: null,
    clockOffsetMs: 0,
    crashes,
    pace: null,
    inventory: null,
    vpn: null,
    certificate: null,
    managed: null,
    standingUntil: null,
  };
}
