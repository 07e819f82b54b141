import type { Platform } from '../../collectors/check.ts';
import { createLogger } from '../base/log.ts';
import { runAgent, type VpnParts } from './agent.ts';
import type { AgentConfig } from './config.ts';
import { readInventory } from './inventory.ts';
import { loadHosts } from './open-host.ts';
import { loadReaders } from './readers.ts';
import { openTrayWays, type TrayWaysParts } from './tray-ways.ts';
import { openWays } from './vpn-ways.ts';
import { productVersion } from '../base/version.ts';

export type MainOptions = { config: AgentConfig; stateDir: string; platform: Platform };

/** Runs the agent until SIGTERM or SIGINT. Returns the exit code: 0 after a signal, 1 when a part of it failed. */
export async function main({ config, stateDir, platform }: MainOptions): Promise<number> {
  const control = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => control.abort());
  const options = {
    config,
    stateDir,
    version: productVersion(),
    readers: await loadReaders(platform),
    hosts: await loadHosts(platform),
    readInventory: (signal: AbortSignal) => readInventory(signal),
    openVpn: (parts: VpnParts) => openWays(platform, parts),
    openTray: (parts: TrayWaysParts) => openTrayWays(platform, parts),
    env: process.env,
    log: createLogger('drawbridge-agent', config.log.level),
  };
  const report = await runAgent(options, control.signal);
  return report.reason === 'signal' ? 0 : 1;
}
