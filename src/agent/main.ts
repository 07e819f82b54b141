import { dirname, join } from 'node:path';
import type { Platform } from '../../collectors/check.ts';
import { systemClock } from '../base/clock.ts';
import { createLogger, type Logger } from '../base/log.ts';
import { runAgent, type AgentOptions, type VpnParts } from './agent.ts';
import type { AgentConfig } from './config-schema.ts';
import { enrolmentState } from './enrolment.ts';
import { ownIntegrity } from './integrity.ts';
import { readInventory } from './inventory.ts';
import { invitationFile, type InvitationPlace } from './invitation.ts';
import type { Managed } from './managed-kept.ts';
import { loadHosts } from './open-host.ts';
import { loadReaders } from './readers.ts';
import { openTrayWays, type TrayWaysParts } from './tray-ways.ts';
import { statePaths } from './paths.ts';
import { stateFile } from './state-file.ts';
import { runInTurns } from './settings-watch.ts';
import type { Invitation } from './silent-enrolment.ts';
import { thisComputer } from './this-computer.ts';
import { openWays } from './vpn-ways.ts';
import { serviceManager, type ServiceManager } from '../base/service-manager.ts';
import { productVersion } from '../base/version.ts';

/** What one run of the agent goes by. */
export type Place = {
  config: AgentConfig;
  configFile: string;
  stateDir: string;
  platform: Platform;
  managed: Managed;
};

/** What a service of Windows has in the place of signals and a standard error. */
export type ServiceRun = {
  /** Aborts when the service is to end. */
  signal: AbortSignal;
  manager: ServiceManager;
  log: Logger;
  /** Where an invitation may be left besides the file. */
  places: readonly InvitationPlace[];
};

/** Milliseconds between looks at the settings. On Windows each look is a program that is started. */
const LOOK_MS: Record<Platform, number> = { linux: 60_000, macos: 60_000, windows: 300_000 };

/**
 * Runs the agent until SIGTERM or SIGINT, anew when the settings have changed; SIGHUP looks at once. `look` says what
 * would be in force now. Returns the exit code: 0 after a signal, 1 when a part of the agent failed.
 */
export async function main(
  first: Place,
  look: () => Promise<Place>,
  service: ServiceRun | null = null,
): Promise<number> {
  const control = new AbortController();
  const logOf = ({ config }: Place) => {
    if (service === null) return createLogger('drawbridge-agent', config.log.level);
    service.log.level = config.log.level;
    return service.log;
  };
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => control.abort());
  return runInTurns(
    { now: first, look, pause: pauses(first.platform) },
    async (place, signal) => runAgent(await optionsOf(place, logOf(place), service), signal),
    logOf,
    service?.signal ?? control.signal,
  );
}

function pauses(platform: Platform): (signal: AbortSignal) => Promise<void> {
  let hurry = new AbortController();
  const look = () => {
    hurry.abort();
    hurry = new AbortController();
  };
  // On Windows it says that a console was closed.
  if (platform !== 'windows') process.on('SIGHUP', look);
  return (signal) =>
    systemClock.sleep(LOOK_MS[platform], AbortSignal.any([signal, hurry.signal])).catch(() => {});
}

async function optionsOf(place: Place, log: Logger, service: ServiceRun | null): Promise<AgentOptions> {
  const { config, managed, stateDir, platform } = place;
  return {
    config,
    managed,
    stateDir,
    version: productVersion(),
    readers: await loadReaders(platform),
    hosts: await loadHosts(platform),
    readInventory: (signal: AbortSignal) => readInventory(signal),
    readIntegrity: () => ownIntegrity(platform),
    invited: invitation(place, service),
    manager: service?.manager ?? serviceManager(process.env),
    openVpn: (parts: VpnParts) => openWays(platform, parts),
    openTray: (parts: TrayWaysParts) => openTrayWays(platform, parts),
    env: process.env,
    log,
  };
}

/** What an installer or a management system leaves beside the settings, or says in them. */
function invitation(place: Place, service: ServiceRun | null) {
  const { config, configFile, stateDir, managed } = place;
  return {
    places: [...(service?.places ?? []), invitationFile(join(dirname(configFile), 'enroll'))],
    managed: managed.invitation,
    async enrol({ url, token }: Invitation, signal: AbortSignal) {
      const file = stateFile(
        statePaths(stateDir).enrolment,
        enrolmentState,
        createLogger('drawbridge-enroll', 'warn'),
      );
      const route = { url, proxy: config.server.proxy, env: process.env };
      const { enrol } = await import('./enrol.ts');
      return enrol({
        route,
        token,
        file,
        again: false,
        clock: systemClock,
        signal,
        ...(await thisComputer(place)),
      });
    },
  };
}
