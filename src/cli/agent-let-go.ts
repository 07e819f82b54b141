import { rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { bounded } from '../agent/bounded.ts';
import { forgetKeys } from '../agent/key-choice.ts';
import { lockHolder } from '../agent/lock.ts';
import { SERVICE_PATHS, statePaths } from '../agent/paths.ts';
import { REPLAYED_SELF } from '../agent/replay.ts';
import { forgetRegistry } from '../agent/service/registry.ts';
import { openWays } from '../agent/vpn-ways.ts';
import { systemClock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { createLogger } from '../base/log.ts';
import type { Settings, SettingsOptions } from './agent-settings.ts';
import { complain, say } from './present.ts';
import { UsageError } from './usage-error.ts';

export type LetGoOptions = SettingsOptions & { forget?: boolean };

/** Milliseconds for an agent that was told to end. */
const ENDING_MS = 30_000;
const STEP_MS = 45_000;
const GRACE_MS = 2_000;
const EXIT_LEFT = 1;

/**
 * `drawbridge let-go`, for uninstallers: whatever the agent holds here is let go, since nobody would be left to lift it.
 * A step that fails does not keep the others from being taken. 0 where all is gone, 1 where something is left.
 */
export async function letGo(settings: Settings, { forget = false }: LetGoOptions): Promise<number> {
  const { stateDir, platform } = settings;
  await untilEnded(statePaths(stateDir).lock);
  const ways = await openWays(platform, {
    self: () => REPLAYED_SELF,
    stateDir,
    clock: systemClock,
    log: createLogger('drawbridge-let-go', 'silent'),
    connectsTo: async () => null,
    reachable: () => [],
  });
  const { driver } = ways.vpn;
  const steps: [string, () => Promise<unknown>][] = [
    ['a half set VPN connection', () => driver.restore()],
    ['the block of the VPN', () => driver.apply({ state: 'allowed' })],
    ['the isolation', () => ways.isolation.lift()],
    ['a closed L2TP server', async () => (await ways.l2tpServer?.held()) && ways.l2tpServer?.reopen()],
  ];
  if (forget) {
    steps.push(['the VPN’s certificate', async () => ways.certificates?.remove()]);
    if (platform === 'windows') steps.push(...outsideFiles(settings));
    steps.push(['the state', () => rm(stateOf(settings), { recursive: true, force: true, maxRetries: 3 })]);
  }
  let left = 0;
  for (const [what, step] of steps) left += (await taken(what, step)) ? 0 : 1;
  return left === 0 ? 0 : EXIT_LEFT;
}

/** What Windows keeps for the agent besides its folder. */
function outsideFiles({ stateDir, config }: Settings): [string, () => Promise<unknown>][] {
  const home = { stateDir, tcti: config.tpm };
  const slots = ['a', 'b'] as const;
  return [
    ['keys in the TPM', () => Promise.all(slots.map((slot) => forgetKeys({ kind: 'ncrypt', slot }, home)))],
    ['the installer’s word', forgetRegistry],
  ];
}

/** An installer may go on while the agent that it has stopped still ends. */
async function untilEnded(lock: string): Promise<void> {
  const end = systemClock.monotonic() + ENDING_MS;
  for (;;) {
    const running = await lockHolder(lock);
    if (running === null) return;
    if (systemClock.monotonic() > end)
      throw new UsageError(`The agent runs (process ${running}). Stop it first.`);
    await systemClock.sleep(200);
  }
}

async function taken(what: string, step: () => Promise<unknown>): Promise<boolean> {
  try {
    await bounded(step, STEP_MS, GRACE_MS);
    say(`${what}: gone`);
    return true;
  } catch (error) {
    complain(`${what}: ${messageOf(error)}`);
    return false;
  }
}

/** Under Windows settings, log and the users' secrets lie around the state, in a folder of the service's own. */
function stateOf({ platform, stateDir }: Settings): string {
  const own = SERVICE_PATHS[platform].stateDir;
  return platform === 'windows' && resolve(stateDir) === resolve(own) ? dirname(own) : stateDir;
}
