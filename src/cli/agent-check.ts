import { homedir, hostname } from 'node:os';
import type { Readings } from '../../collectors/specs.ts';
import type { AgentSelf, Platform } from '../../collectors/check.ts';
import { cacheFolderFor } from '../agent/cache-folder.ts';
import { enrolmentState, identityOf, type EnrolmentState } from '../agent/enrolment.ts';
import { judgeAll, loadDefaultPolicy, type Judgement } from '../agent/judgement.ts';
import { loadHosts } from '../agent/open-host.ts';
import { statePaths } from '../agent/paths.ts';
import { loadReaders } from '../agent/readers.ts';
import { collectReadings, DEADLINE_MS } from '../agent/report.ts';
import { openPolicy, standingState } from '../agent/standing.ts';
import { peek } from '../agent/state-file.ts';
import { statusSchema } from '../agent/status.ts';
import { agentVersion } from '../agent/version.ts';
import { iso, systemClock } from '../base/clock.ts';
import type { Policy } from '../policy/policy.ts';
import type { Settings } from './agent-settings.ts';
import { judgedTable, remedyLines, riskLine } from './judged.ts';
import { say, sayJson, withProgress } from './present.ts';

const EXIT_BY_RISK = { low: 0, medium: 1, high: 2 } as const;
const EXIT_REQUIRED_UNKNOWN = 3;

type Checked = {
  device: { id: string | null; name: string; platform: Platform };
  readings: Readings;
  judgement: Judgement;
  policy: { name: string; source: 'server' | 'default' };
};

/** `drawbridge check`: reads everything now and judges it here. Returns the exit code that the help promises. */
export async function check(settings: Settings, json: boolean): Promise<number> {
  const checked = await withProgress('Reading this computer', () => readAndJudge(settings));
  if (json) sayJson(documentOf(checked));
  else await show(checked);
  const { requiredUnknown, risk } = checked.judgement;
  return requiredUnknown.length > 0 ? EXIT_REQUIRED_UNKNOWN : EXIT_BY_RISK[risk.level];
}

async function readAndJudge(settings: Settings): Promise<Checked> {
  const { stateDir, platform } = settings;
  const paths = statePaths(stateDir);
  const enrolment = await known(paths.enrolment, enrolmentState);
  const [readings, policy] = await Promise.all([readNow(settings), policyInForce(paths.standing, enrolment)]);
  return {
    device: { id: enrolment?.device ?? null, name: hostname(), platform },
    readings,
    judgement: judgeAll(readings, policy.policy, Date.now()),
    policy: { name: policy.policy.name, source: policy.source },
  };
}

async function readNow({ stateDir, platform, config }: Settings): Promise<Readings> {
  const cacheFolder = await cacheFolderFor(stateDir, {
    platform,
    isRoot: process.getuid?.() === 0,
    home: homedir(),
    cacheHome: process.env.XDG_CACHE_HOME,
  });
  const self = await selfFrom(statePaths(stateDir).status);
  const readers = await loadReaders(platform);
  const everyMs = config.collect.updatesEverySeconds * 1_000;
  const openCycle = (await loadHosts(platform))({
    self: () => self,
    cacheFolder,
    clock: systemClock,
    updates: { everyMs, atStartMs: everyMs, patience: 'wait' },
  });
  // What still runs for a check that is out of time would keep this process alive.
  const control = new AbortController();
  try {
    const cycle = openCycle('full', control.signal);
    return await collectReadings({ readers, clock: systemClock, deadlineMs: DEADLINE_MS, ...cycle });
  } finally {
    control.abort();
  }
}

/** What the running agent says of itself; without one, what can be said without it. */
async function selfFrom(statusFile: string): Promise<AgentSelf> {
  const status = await known(statusFile, statusSchema);
  return {
    version: status?.version ?? agentVersion(),
    startedAt: status?.startedAt ?? iso(Date.now()),
    keyProtection: status?.keyProtection ?? null,
    integrity: null,
    spoolDropped: status?.spool.dropped ?? 0,
    crashes: status?.crashes ?? 0,
    managed: [],
  };
}

/** A state file's content, or null where there is none that this user may read. */
async function known<S extends Parameters<typeof peek>[1]>(path: string, schema: S) {
  const content = await peek(path, schema).catch(() => null);
  return content?.state === 'present' ? content.value : null;
}

/** The server's policy where this device holds one that verifies and is not past its time, else the shipped one. */
async function policyInForce(
  file: string,
  enrolment: EnrolmentState | null,
): Promise<{ policy: Policy; source: 'server' | 'default' }> {
  const identity = enrolment === null ? null : identityOf(enrolment);
  const stored = await known(file, standingState);
  if (identity !== null && stored !== null) {
    const opened = await openPolicy(stored.jws, identity);
    if (opened.ok && opened.value.expires * 1_000 > Date.now())
      return { policy: opened.value.policy, source: 'server' };
  }
  return { policy: await loadDefaultPolicy(), source: 'default' };
}

function documentOf({ device, readings, judgement, policy }: Checked) {
  return { device, readings, ...judgement, policy };
}

async function show({ device, readings, judgement, policy }: Checked): Promise<void> {
  const { verdicts, risk, firstToFix, requiredUnknown } = judgement;
  say(await judgedTable(readings, verdicts));
  say(`\nRisk: ${riskLine(risk, policy.name)}`);
  if (requiredUnknown.length > 0) say(`Could not judge: ${requiredUnknown.join(', ')} could not be read.`);
  if (firstToFix !== null) say(`\n${remedyLines(firstToFix, device.platform).join('\n')}`);
}
