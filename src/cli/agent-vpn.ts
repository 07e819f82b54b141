import { access, constants } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { dirname } from 'node:path';
import { messageOf } from '../base/errors.ts';
import { NO_QUESTIONS, type Host } from '../../collectors/check.ts';
import { packArchive } from '../agent/archive.ts';
import { createHost } from '../agent/host.ts';
import { lockHolder } from '../agent/lock.ts';
import { statePaths } from '../agent/paths.ts';
import type { Answer } from '../agent/recorder.ts';
import { redactAnswers } from '../agent/redact.ts';
import { REPLAYED_SELF } from '../agent/replay.ts';
import { prepareStateFolder } from '../agent/state-folder.ts';
import { loadIsolation } from '../agent/vpn/isolation-open.ts';
import type { IsolationState } from '../agent/vpn/isolation.ts';
import { openVpn, type OpenedVpn } from '../agent/vpn/open-vpn.ts';
import type { VpnState } from '../agent/vpn/driver.ts';
import { writeAtomic } from '../base/atomic-file.ts';
import { iso, systemClock } from '../base/clock.ts';
import { createLogger } from '../base/log.ts';
import { productVersion } from '../base/version.ts';
import type { Settings, SettingsOptions } from './agent-settings.ts';
import { transcribed } from './agent-vpn-transcript.ts';
import { selftest, type Selftest, type Step } from './agent-vpn-selftest.ts';
import { snapshot } from './agent-vpn-snapshot.ts';
import { systemIn } from './agent-capture.ts';
import { readNow } from './agent-reading.ts';
import { paint, say, sayJson, table, withProgress, type Colour } from './present.ts';
import { UsageError } from './usage-error.ts';

const EXIT_DIFFERS = 1;
const EXIT_COULD_NOT = 3;

type Opened = OpenedVpn & { host: Host; mode: 'enforce' | 'observe' };

async function open({ platform, stateDir, config }: Settings, host: Host): Promise<Opened> {
  const log = createLogger('drawbridge-vpn', 'silent');
  const opened = await openVpn(platform, { host, stateDir, clock: systemClock, log });
  const { mode } = config.vpn;
  return { ...opened, host, mode: mode === 'auto' ? opened.defaultMode : mode };
}

async function thisHost({ platform }: Settings): Promise<Host> {
  const host = createHost({ self: () => REPLAYED_SELF, questions: NO_QUESTIONS, platform });
  if (platform !== 'windows') return host;
  const { isElevated } = await import('../agent/host-windows.ts');
  return { ...host, isRoot: isElevated() };
}

/** `drawbridge vpn status`: looks, changes nothing. 0 where all could be seen, 3 where something could not. */
export async function vpnStatus(settings: Settings, json: boolean): Promise<number> {
  const opened = await open(settings, await thisHost(settings));
  const isolation = await loadIsolation(settings.platform, opened.host);
  const [seen, isolated] = await withProgress('Looking at the VPN', () =>
    Promise.all([opened.driver.inspect(), isolation.inspect()]),
  );
  const { name, mode } = opened;
  if (json) sayJson({ driver: name, mode, ...seen, isolation: isolated });
  else await showStatus(opened, seen, isolated);
  return seen.block === 'unknown' || isolated.state === 'unknown' ? EXIT_COULD_NOT : 0;
}

const BLOCKS: Readonly<Record<VpnState['block'], readonly [Colour, string]>> = {
  holding: ['red', 'holds: denied connections cannot come up'],
  none: ['green', 'none'],
  unknown: ['yellow', 'could not be seen'],
};

async function showStatus(opened: Opened, seen: VpnState, isolation: IsolationState): Promise<void> {
  const [colour, words] = BLOCKS[seen.block];
  const rows = [
    ['Driver', `${opened.name}, set to ${opened.mode}`],
    ['Block', paint(colour, words)],
    ['Live', seen.interfaces.join(', ') || 'no L2TP session'],
    ['Isolation', isolationWords(isolation)],
    ...[...seen.problems, ...isolation.problems].map((problem) => ['Problem', paint('yellow', problem)]),
  ];
  say(await table([], rows));
  if (seen.profiles.length === 0) return;
  const profiles = seen.profiles.map((one) => [
    one.name,
    one.backend,
    one.scope,
    one.gateway ?? 'unknown',
    one.state ?? 'unknown',
  ]);
  say(`\n${await table(['Connection', 'Software', 'Owner', 'Gateway', 'State'], profiles)}`);
}

function isolationWords({ state, reach }: IsolationState): string {
  if (state === 'none') return 'none';
  if (state === 'unknown') return paint('yellow', 'could not be seen, or is not as it was made');
  return paint('red', `cut off from all but ${reach.length === 0 ? 'itself' : `${reach.length} services`}`);
}

export type SelftestOptions = SettingsOptions & { out?: string };

/** `drawbridge vpn selftest`. 0 all as expected, 1 something differs, 3 it could not run. */
export async function vpnSelftest(settings: Settings, options: SelftestOptions): Promise<number> {
  const stamp = iso(Date.now()).replaceAll(/\D/g, '').slice(0, 14);
  const out = options.out ?? `drawbridge-vpn-selftest-${stamp}.json.gz`;
  if (await can(out, constants.F_OK)) throw new UsageError(`${out} is there already.`);
  // Before anything is done: what was seen must not be lost.
  if (!(await can(dirname(out), constants.W_OK)))
    throw new UsageError(`Nothing can be written into ${dirname(out)}: name another file with --out.`);
  const host = await thisHost(settings);
  const transcript = transcribed(host);
  const opened = { ...(await open(settings, transcript.host)), host };
  const result = await withProgress('Denying and allowing a VPN connection', () => attempt(settings, opened));
  const ran = result.refused === null;
  if (ran) await writeAtomic(out, await pack(settings, transcript.answers(), result));
  const file = ran ? out : null;
  if (options.json === true) sayJson({ file, driver: opened.name, ...result });
  else await showSelftest(result, file);
  if (!ran) return EXIT_COULD_NOT;
  return result.passed ? 0 : EXIT_DIFFERS;
}

function refuse(refused: string): Selftest {
  return { refused, passed: false, steps: [], differences: [] };
}

function ignore() {}

/** By `host`, which is not noted, only digests are made: whole rule sets are nobody's business. */
async function attempt(settings: Settings, { driver, host, name }: Opened): Promise<Selftest> {
  if (!host.isRoot) return refuse('Run this as root, or elevated on Windows.');
  if (name === 'none') return refuse('No L2TP client that Drawbridge knows was found on this computer.');
  if ((await lockHolder(statePaths(settings.stateDir).lock)) !== null)
    return refuse('The agent runs, and would see to the VPN at the same time. Stop it first.');
  await prepareStateFolder(settings.stateDir);
  // What was begun is ended, so that no interrupt leaves a block behind; it takes seconds.
  process.on('SIGINT', ignore).on('SIGTERM', ignore);
  try {
    const { platform } = settings;
    return await selftest({ driver, snapshot: () => snapshot(platform, host), clock: systemClock });
  } catch (error) {
    return refuse(messageOf(error));
  } finally {
    process.off('SIGINT', ignore).off('SIGTERM', ignore);
  }
}

/** What was asked and answered, in order, without names and secrets, and what came of it. */
async function pack(settings: Settings, answers: Answer[], result: Selftest): Promise<Uint8Array> {
  const { platform } = settings;
  const readings = await readNow(settings, () => NO_QUESTIONS);
  const outcome: Answer = {
    kind: 'probe',
    checks: ['vpn-client'],
    name: 'selftest',
    answer: { ok: true, ms: 0, data: result },
  };
  const users = [userInfo().username, process.env['SUDO_USER']].filter((name) => name !== undefined);
  const redacted = redactAnswers([outcome, ...answers], { hosts: [hostname()], users });
  return packArchive({
    takenAt: iso(Date.now()),
    agent: productVersion(),
    platform,
    system: systemIn(readings['os-version']),
    root: true,
    checks: ['vpn-client'],
    self: REPLAYED_SELF,
    leftOut: 0,
    answers: redacted.map(({ answer }) => answer),
  });
}

const OUTCOMES: Readonly<Record<Step['outcome'], readonly [Colour, string]>> = {
  'as-expected': ['green', 'as expected'],
  differs: ['red', 'differs'],
  'not-supported': ['yellow', 'not on this system'],
};

async function showSelftest({ refused, passed, steps, differences }: Selftest, file: string | null) {
  if (refused !== null) return say(paint('yellow', `Not run, nothing was changed. ${refused}`));
  const rows = steps.map(({ step, outcome, detail, tookMs }) => {
    const [colour, words] = OUTCOMES[outcome];
    return [step, paint(colour, words), `${tookMs} ms`, detail];
  });
  say(await table(['Step', 'Outcome', 'Took', 'Detail'], rows));
  for (const { what, before, after } of differences) say(`${what}\n  before ${before}\n  after  ${after}`);
  say(
    passed
      ? paint('green', '\nAll as expected.')
      : paint('red', '\nNot as expected: leave vpn.mode at observe.'),
  );
  say(`Written: ${file}. Look through it (gzip -dc) before you give it away.`);
}

async function can(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}
