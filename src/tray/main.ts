import { homedir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { serviceTrayFolder, traySocket } from '../wire/tray-address.ts';
import { createTrayClient, type Connect, type TrayClient } from './client.ts';
import { connectUnix } from './connect-unix.ts';
import { connectWindows } from './connect-windows.ts';
import { openDesktop, type Desktop, type TrayPlatform } from './desktop.ts';
import { localeFrom, type Locale } from './locale.ts';
import { openPane } from './open-pane.ts';
import { openPage, type OpenPage } from './page.ts';
import { promptFile } from './prompt-file.ts';
import { createSession } from './session.ts';

export type TrayOptions = {
  /** Show the page, too: a click on the launcher. */
  open?: boolean;
  /** Where the agent's sockets lie, if not where the service puts them. */
  folder?: string;
};

/** Runs the tray of this session until it ends, or hands over to the one that runs already. Returns the exit code. */
export async function main({ open = false, folder }: TrayOptions): Promise<number> {
  const control = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(name, () => control.abort());
  const platform = platformOf(process.platform);
  const client = createTrayClient(connectOn(platform, folder), systemClock);
  let desktop: Desktop | null = null;
  const locale = localeFrom(process.env, Intl.DateTimeFormat().resolvedOptions().locale);
  const pages = createPages(platform, client, locale);
  const session = createSession({
    client,
    clock: systemClock,
    locale,
    memory: promptFile(join(stateFolder(platform), 'told.json')),
    openPage: async (token) => desktop !== null && pages.show(desktop, token),
  });
  const wanted = { open, token: process.env.XDG_ACTIVATION_TOKEN ?? null };
  desktop = await openDesktop(platform, wanted, session.events);
  if (desktop === null) return 0;
  const asking = client.run(control.signal);
  if (open) session.events.onAction('open', wanted.token);
  await session.run(desktop.tray, control.signal);
  control.abort();
  await desktop.tray.close();
  await pages.close();
  await asking;
  return 0;
}

function platformOf(name: string): TrayPlatform {
  const platform = ({ linux: 'linux', win32: 'windows', darwin: 'macos' } as const)[name];
  if (platform === undefined) throw new Error(`There is no tray on ${name}.`);
  return platform;
}

function connectOn(platform: TrayPlatform, folder: string | undefined): Connect {
  if (platform === 'windows') return connectWindows();
  const uid = process.getuid?.() ?? 0;
  return connectUnix(traySocket(folder ?? serviceTrayFolder(platform), uid), uid);
}

/** Where this user's own state belongs. */
function stateFolder(platform: TrayPlatform): string {
  const { env } = process;
  if (platform === 'windows') return join(env.LOCALAPPDATA ?? join(homedir(), 'AppData/Local'), 'Drawbridge');
  if (platform === 'macos') return join(homedir(), 'Library/Application Support/Drawbridge');
  return join(env.XDG_STATE_HOME ?? join(homedir(), '.local/state'), 'drawbridge-tray');
}

/** The page is served from when it is first asked for; each browser that is opened gets an address of its own. */
function createPages(platform: TrayPlatform, client: TrayClient, locale: Locale) {
  let opening: Promise<OpenPage> | null = null;
  return {
    async show(desktop: Desktop, token: string | null): Promise<boolean> {
      const name = process.env.XDG_CURRENT_DESKTOP ?? null;
      opening ??= openPage(client, { locale, desktop: name, openPane: (one) => openPane(platform, one) });
      const page = await opening.catch(() => null);
      return page !== null && desktop.openUrl(page.url(), token);
    },
    async close(): Promise<void> {
      await (await opening?.catch(() => null))?.close();
    },
  };
}
