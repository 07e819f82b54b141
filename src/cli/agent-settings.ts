import { join } from 'node:path';
import type { Platform } from '../../collectors/check.ts';
import { loadConfig, type AgentConfig } from '../agent/config.ts';
import { isService } from '../agent/state-folder.ts';
import { foreignHand } from '../agent/trusted-path.ts';
import { defaultPaths } from '../agent/paths.ts';
import { UsageError } from './usage-error.ts';

/** Options that every command of the endpoint takes. */
export type SettingsOptions = { config?: string; state?: string; json?: boolean };

export type Settings = { config: AgentConfig; configFile: string; stateDir: string; platform: Platform };

/** A settings file that was named has to exist; the default one need not. */
export async function loadSettings(
  options: SettingsOptions,
  platform: Platform,
  home: string,
): Promise<Settings> {
  const defaults = defaultPaths(platform, process.getuid?.() === 0, home);
  const configFile = options.config ?? defaults.config;
  const foreign = isService ? await foreignHand(configFile) : null;
  if (foreign !== null) throw new UsageError(`Settings that are not root’s alone are not read. ${foreign}`);
  const config = await loadConfig(configFile, options.config === undefined);
  if (!config.ok) throw new UsageError(config.error);
  const stateDir = options.state ?? config.value.stateDir ?? defaults.stateDir;
  return { config: config.value, configFile, stateDir: join(stateDir), platform };
}
