import { dirname, join } from 'node:path';
import type { Platform } from '../../collectors/check.ts';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/log.ts';
import { runAgent, type VpnParts } from './agent.ts';
import type { AgentConfig } from './config.ts';
import { enrol } from './enrol.ts';
import { enrolmentState } from './enrolment.ts';
import { ownIntegrity } from './integrity.ts';
import { readInventory } from './inventory.ts';
import { loadHosts } from './open-host.ts';
import { loadReaders } from './readers.ts';
import { openTrayWays, type TrayWaysParts } from './tray-ways.ts';
import { statePaths } from './paths.ts';
import { stateFile } from './state-file.ts';
import type { Invitation } from './silent-enrolment.ts';
import { thisComputer } from './this-computer.ts';
import { openWays } from './vpn-ways.ts';
import { serviceManager } from '../base/service-manager.ts';
import { productVersion } from '../base/version.ts';

export type MainOptions = { config: AgentConfig; configFile: string; stateDir: string; platform: Platform };

/** Runs the agent until SIGTERM or SIGINT. Returns the exit code: 0 after a signal, 1 when a part of it failed. */
export async function main({ config, configFile, stateDir, platform }: MainOptions): Promise<number> {
  const control = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => control.abort());
  const log = createLogger('drawbridge-agent', config.log.level);
  const options = {
    config,
    stateDir,
    version: productVersion(),
    readers: await loadReaders(platform),
    hosts: await loadHosts(platform),
    readInventory: (signal: AbortSignal) => readInventory(signal),
    readIntegrity: ownIntegrity,
    invited: invitation({ config, configFile, stateDir, platform }),
    manager: serviceManager(process.env),
    openVpn: (parts: VpnParts) => openWays(platform, parts),
    openTray: (parts: TrayWaysParts) => openTrayWays(platform, parts),
    env: process.env,
    log,
  };
  const report = await runAgent(options, control.signal);
  return report.reason === 'signal' ? 0 : 1;
}

/** What an installer or a management system leaves beside the settings. */
function invitation(place: MainOptions) {
  const { config, configFile, stateDir } = place;
  return {
    file: join(dirname(configFile), 'enroll'),
    async enrol({ url, token }: Invitation, signal: AbortSignal) {
      const file = stateFile(
        statePaths(stateDir).enrolment,
        enrolmentState,
        createLogger('drawbridge-enroll', 'warn'),
      );
      const route = { url, proxy: config.server.proxy, env: process.env };
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
