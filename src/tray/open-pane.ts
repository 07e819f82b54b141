import type { Opener } from '../../collectors/help.ts';
import { explorer, gtkLaunch, macOpen } from '../base/commands.ts';
import { release } from '../base/exec.ts';
import type { TrayPlatform } from './desktop.ts';

/**
 * Opens a place in the system's settings: its address, or the first of the launchers that is there. On Windows and
 * macOS never yet run by us.
 */
export async function openPane(platform: TrayPlatform, opener: Opener): Promise<boolean> {
  if (opener.kind === 'launchers') return openFirst(opener.names);
  if (platform === 'macos') return release(macOpen, [opener.uri]);
  if (platform !== 'windows') return false;
  await release(explorer, [opener.uri]);
  // Its exit code says nothing.
  return true;
}

async function openFirst(names: readonly string[]): Promise<boolean> {
  for (const name of names) if (await release(gtkLaunch, [name])) return true;
  return false;
}
