import { hostname } from 'node:os';
import type { Platform } from '../../collectors/check.ts';
import type { Readings } from '../../collectors/specs.ts';
import type { Archive } from '../agent/archive.ts';
import { replayArchive } from '../agent/archive-replay.ts';
import { checkTimesState, type CheckTimesState } from '../agent/check-times.ts';
import { enrolmentState, identityOf, type EnrolmentState } from '../agent/enrolment.ts';
import {
  judgeAll,
  loadDefaultPolicy,
  withOwnTimes,
  type Judgement,
  type OwnPolicy,
} from '../agent/judgement.ts';
import { statePaths } from '../agent/paths.ts';
import { openPolicy, standingState } from '../agent/standing.ts';
import { questionsFor } from '../policy/questions.ts';
import { readArchive } from './agent-capture.ts';
import { readKnown, readNow } from './agent-reading.ts';
import type { Settings, SettingsOptions } from './agent-settings.ts';
import { EXIT_BY_RISK, EXIT_REQUIRED_UNKNOWN } from './exit-codes.ts';
import { judgedTable, remedyLines, riskLine } from './judged.ts';
import { printable, say, sayJson, withProgress } from './present.ts';

type Checked = {
  device: { id: string | null; name: string | null; platform: Platform };
  readings: Readings;
  judgement: Judgement;
  policy: { name: string; source: 'server' | 'default' };
  /** The capture that answered in place of this computer. */
  replay?: Pick<Archive, 'takenAt' | 'agent' | 'system' | 'checks' | 'leftOut'>;
};

export type CheckOptions = SettingsOptions & { from?: string };

/** `drawbridge check`: reads everything now and judges it here. Returns the exit code that the help promises. */
export async function check(settings: Settings, { json, from }: CheckOptions): Promise<number> {
  const checked =
    from === undefined
      ? await withProgress('Reading this computer', () => readAndJudge(settings))
      : await replayAndJudge(settings, await readArchive(from));
  if (json === true) sayJson(documentOf(checked));
  else await show(checked);
  const { requiredUnknown, risk } = checked.judgement;
  return requiredUnknown.length > 0 ? EXIT_REQUIRED_UNKNOWN : EXIT_BY_RISK[risk.level];
}

async function readAndJudge(settings: Settings): Promise<Checked> {
  const enrolment = await enrolmentOf(settings);
  const [{ policy: told, source }, times] = await Promise.all([
    policyInForce(settings, enrolment),
    timesOf(settings),
  ]);
  const policy = times === null ? told : withOwnTimes(told, times);
  const readings = await readNow(settings, (platform) => questionsFor(policy, platform));
  const device = { id: enrolment?.device ?? null, name: hostname(), platform: settings.platform };
  return { device, ...judged(readings, { policy, source }) };
}

/** A captured computer, by the policy that holds here. */
async function replayAndJudge(settings: Settings, archive: Archive): Promise<Checked> {
  const [readings, policy] = await Promise.all([
    replayArchive(archive),
    policyInForce(settings, await enrolmentOf(settings)),
  ]);
  const { takenAt, agent, system, checks, leftOut, platform } = archive;
  const device = { id: null, name: null, platform };
  return { device, ...judged(readings, policy), replay: { takenAt, agent, system, checks, leftOut } };
}

type PolicyInForce = { policy: OwnPolicy; source: 'server' | 'default' };

function judged(readings: Readings, { policy, source }: PolicyInForce) {
  const judgement = judgeAll(readings, policy, Date.now());
  return { readings, judgement, policy: { name: policy.name, source } };
}

/** What the daemon has seen; without one, every unknown of now begins now. */
function timesOf({ stateDir }: Settings): Promise<CheckTimesState | null> {
  return readKnown(statePaths(stateDir).checkTimes, checkTimesState);
}

function enrolmentOf({ stateDir }: Settings): Promise<EnrolmentState | null> {
  return readKnown(statePaths(stateDir).enrolment, enrolmentState);
}

/** The server's policy where this device holds one that verifies and is not past its time, else the shipped one. */
async function policyInForce(
  { stateDir }: Settings,
  enrolment: EnrolmentState | null,
): Promise<PolicyInForce> {
  const identity = enrolment === null ? null : identityOf(enrolment);
  const stored = await readKnown(statePaths(stateDir).standing, standingState);
  if (identity !== null && stored !== null) {
    const opened = await openPolicy(stored.jws, identity);
    if (opened.ok && opened.value.expires * 1_000 > Date.now())
      return { policy: opened.value.policy, source: 'server' };
  }
  return { policy: await loadDefaultPolicy(), source: 'default' };
}

function documentOf({ device, readings, judgement, policy, replay }: Checked) {
  return { device, readings, ...judgement, policy, ...(replay === undefined ? {} : { replay }) };
}

async function show({ device, readings, judgement, policy, replay }: Checked): Promise<void> {
  const { verdicts, risk, firstToFix, requiredUnknown } = judgement;
  if (replay !== undefined) say(`${printable(replayLine(device.platform, replay))}\n`);
  say(await judgedTable(readings, verdicts));
  say(`\nRisk: ${riskLine(risk, policy.name)}`);
  if (requiredUnknown.length > 0) say(`Could not judge: ${requiredUnknown.join(', ')} could not be read.`);
  if (firstToFix !== null) say(`\n${remedyLines(firstToFix, device.platform).join('\n')}`);
}

function replayLine(platform: Platform, replay: NonNullable<Checked['replay']>): string {
  const { takenAt, agent, system, leftOut } = replay;
  const line = `Not this computer: a replay of a capture taken at ${takenAt} on ${system ?? platform} by Drawbridge ${agent}.`;
  return leftOut === 0 ? line : `${line} ${leftOut} answers were too large to be part of it.`;
}
