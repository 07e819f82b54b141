import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isPackaged, programsFolder } from '../base/assets.ts';
import { xdgOpen } from '../base/commands.ts';
import { release, spawnHelper } from '../base/exec.ts';
import { openHelperTray } from './helper.ts';
import { openLinuxTray } from './linux.ts';
import type { Tray, TrayEvents } from './view.ts';

export type TrayPlatform = 'linux' | 'windows' | 'macos';

/** Where a person's session shows things, and opens pages. */
export type Desktop = { tray: Tray; openUrl(url: string, token: string | null): Promise<boolean> };

/** Whether this start is a wish to see the page, and the token by which its window may come to the front. */
export type Wanted = { open: boolean; token: string | null };

/** The file name of Linux' launcher, without its ending. */
const DESKTOP_ENTRY = 'drawbridge-status';

/** Null where a tray runs in this session already, which was then asked to open the page if that is wanted. */
export function openDesktop(
  platform: TrayPlatform,
  wanted: Wanted,
  events: TrayEvents,
): Promise<Desktop | null> {
  return platform === 'linux' ? linuxDesktop(wanted, events) : helperDesktop(platform, wanted, events);
}

async function linuxDesktop(wanted: Wanted, events: TrayEvents): Promise<Desktop | null> {
  const options = { appName: 'Drawbridge', desktopEntry: DESKTOP_ENTRY, wanted };
  const tray = await openLinuxTray({ address: sessionBus(process.env), ...options }, events);
  if (tray === null) return null;
  return {
    tray,
    openUrl(url, token) {
      const env = token === null ? {} : { XDG_ACTIVATION_TOKEN: token, DESKTOP_STARTUP_ID: token };
      return release(xdgOpen, [url], env);
    },
  };
}

/** Where the session's bus listens. A desktop says so; systemd puts it where everybody looks. */
function sessionBus(env: NodeJS.ProcessEnv): string {
  const { DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: folder } = env;
  if (address !== undefined && address !== '') return address;
  if (folder !== undefined && existsSync(join(folder, 'bus'))) return `unix:path=${join(folder, 'bus')}`;
  throw new Error('There is no desktop session here. The tray starts by itself at the next login to one.');
}

async function helperDesktop(
  platform: 'windows' | 'macos',
  { open }: Wanted,
  events: TrayEvents,
): Promise<Desktop | null> {
  const path = helperPath(platform);
  if (!existsSync(path))
    throw new Error(`${path} is not there. Install Drawbridge again (in a checkout: npm run native).`);
  const tray = await openHelperTray(spawnHelper(path, open ? ['open'] : []), events);
  return tray === null ? null : { tray, openUrl: (url) => tray.open(url) };
}

/** Beside the program; in a checkout where `npm run native` puts it. */
function helperPath(platform: 'windows' | 'macos'): string {
  const folder = programsFolder();
  if (platform === 'macos') return join(folder, isPackaged ? 'drawbridge-tray' : 'drawbridge-tray-macos');
  return join(folder, isPackaged ? 'drawbridge-tray.exe' : `drawbridge-tray-windows-${process.arch}.exe`);
}
