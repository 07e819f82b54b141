import { join } from 'node:path';
import type { Platform } from '../../collectors/check.ts';
import { loadConfig } from '../agent/config.ts';
import type { AgentConfig } from '../agent/config-schema.ts';
import { judgeManaged, mergeManaged } from '../agent/managed.ts';
import { rememberedSchema, type Managed } from '../agent/managed-kept.ts';
import type { ReadManaged } from '../agent/managed-raw.ts';
import { managedSource } from '../agent/managed-sources.ts';
import { isService } from '../agent/state-folder.ts';
import { peek } from '../agent/state-file.ts';
import { foreignHand } from '../agent/trusted-path.ts';
import { defaultPaths, statePaths } from '../agent/paths.ts';
import { run } from '../base/exec.ts';
import { ok } from '../base/result.ts';
import { UsageError } from './usage-error.ts';

/** Options that every command of the endpoint takes. */
export type SettingsOptions = { config?: string; state?: string; json?: boolean };

export type Settings = {
  /** What is in force. */
  config: AgentConfig;
  configFile: string;
  stateDir: string;
  platform: Platform;
  managed: Managed;
  /** What the settings file says in vain, by name. */
  overridden: ReadonlyMap<string, unknown>;
};

/** A settings file that was named has to exist; the default one need not. What device management says outranks both. */
export async function loadSettings(
  options: SettingsOptions,
  platform: Platform,
  home: string,
  readManaged: ReadManaged = sourceFor(platform),
): Promise<Settings> {
  const defaults = defaultPaths(platform, process.getuid?.() === 0, home);
  const configFile = options.config ?? defaults.config;
  const foreign = isService ? await foreignHand(configFile) : null;
  if (foreign !== null) throw new UsageError(`Settings that are not root’s alone are not read. ${foreign}`);
  const local = await loadConfig(configFile, options.config === undefined);
  if (!local.ok) throw new UsageError(local.error);
  const stateDir = join(options.state ?? local.value.config.stateDir ?? defaults.stateDir);
  const managed = judgeManaged(await readManaged(), await remembered(stateDir));
  if (!managed.ok)
    throw new UsageError(
      `What device management wants cannot be read, and is not known from before. ${managed.error}`,
    );
  return {
    ...mergeManaged(local.value, managed.value),
    managed: managed.value,
    configFile,
    stateDir,
    platform,
  };
}

/** A user's own agent, on a system with users of other rights, is no matter of device management. */
function sourceFor(platform: Platform): ReadManaged {
  const isOwn = platform !== 'windows' && process.getuid?.() !== 0;
  return isOwn ? async () => ok(null) : managedSource(platform, { run });
}

/** What was last in force, as far as whoever runs this may know it. */
async function remembered(stateDir: string) {
  const kept = await peek(statePaths(stateDir).managed, rememberedSchema).catch(() => null);
  return kept?.state === 'present' ? kept.value : null;
}
