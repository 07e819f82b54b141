import type { Opener } from '../../collectors/help.ts';
import { gtkLaunch } from '../base/commands.ts';
import { release } from '../base/exec.ts';
import type { Desktop } from './desktop.ts';

/** Opens a place in the system's settings: its address, or the first of the launchers that is there. */
export async function openPaneOn(desktop: Desktop, opener: Opener): Promise<boolean> {
  if (opener.kind === 'uri') return desktop.openUrl(opener.uri, null);
  for (const name of opener.names) if (await release(gtkLaunch, [name])) return true;
  return false;
}
