import { join } from 'node:path';
import { NO_QUESTIONS, type AgentSelf, type Platform } from '../../collectors/check.ts';
import type { Logger } from '../base/log.ts';
import { serviceTrayFolder } from '../wire/tray-address.ts';
import type { AgentConfig } from './config-schema.ts';
import { createFixer } from './fixes.ts';
import { createHost } from './host.ts';
import { SERVICE_PATHS } from './paths.ts';
import { unixDoor } from './tray-door-unix.ts';
import { windowsDoor } from './tray-door-windows.ts';
import type { TrayDoor } from './tray-door.ts';
import type { TrayWays } from './tray-part.ts';
import { linuxLoggedIn, macosLoggedIn, onlyUser } from './tray-users.ts';

export type TrayWaysParts = {
  config: AgentConfig['tray'];
  stateDir: string;
  self: () => AgentSelf;
  log: Logger;
};

/** The way to this very computer's users; null where the settings want none. */
export function openTrayWays(platform: Platform, parts: TrayWaysParts): TrayWays | null {
  if (!parts.config.enabled) return null;
  const host = createHost({ self: parts.self, questions: NO_QUESTIONS, platform });
  return { platform, door: doorOf(platform, parts), fixer: createFixer(platform, host) };
}

function doorOf(platform: Platform, { config, stateDir, log }: TrayWaysParts): TrayDoor {
  if (platform === 'windows') return windowsDoor({ log });
  const uid = process.getuid?.() ?? 0;
  // An agent beside the service, for a try or a test, must not take the service's place.
  const isService = uid === 0 && stateDir === SERVICE_PATHS[platform].stateDir;
  const folder = config.folder ?? (isService ? serviceTrayFolder(platform) : join(stateDir, 'tray'));
  const everybody = platform === 'linux' ? linuxLoggedIn() : macosLoggedIn();
  return unixDoor({ folder, users: uid === 0 ? everybody : onlyUser(uid), log });
}
