import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { xdgOpen } from '../base/commands.ts';
import { systemClock } from '../base/clock.ts';
import { release } from '../base/exec.ts';
import { serviceTrayFolder, traySocket } from '../wire/tray-address.ts';
import { createTrayClient, type TrayClient } from './client.ts';
import { connectUnix } from './connect-unix.ts';
import { openLinuxTray } from './linux.ts';
import { localeFrom } from './locale.ts';
import { promptFile } from './prompt-file.ts';
import { createSession } from './session.ts';

export type TrayOptions = {
  /** Show the page, too: a click on the launcher. */
  open: boolean;
  /** Where the agent's sockets lie, if not where the service puts them. */
  folder?: string | undefined;
};

/** The file name of the launcher, without its ending. */
const DESKTOP_ENTRY = 'drawbridge-status';

/** Runs the tray of this session until it ends. Returns the exit code: 0, or 1 where nothing can be shown. */
export async function main({ open, folder }: TrayOptions): Promise<number> {
  const control = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(name, () => control.abort());
  const { env } = process;
  const address = sessionBus(env);
  const uid = process.getuid?.() ?? 0;
  const client = createTrayClient(
    connectUnix(traySocket(folder ?? serviceTrayFolder('linux'), uid), uid),
    systemClock,
  );
  const session = createSession({
    client,
    clock: systemClock,
    locale: localeFrom(env, Intl.DateTimeFormat().resolvedOptions().locale),
    memory: promptFile(
      join(env.XDG_STATE_HOME ?? join(homedir(), '.local/state'), 'drawbridge-tray/told.json'),
    ),
    openPage: (token) => showPage(client, token),
  });
  const wanted = { open, token: env.XDG_ACTIVATION_TOKEN ?? null };
  const options = { address, appName: 'Drawbridge', desktopEntry: DESKTOP_ENTRY, wanted };
  const tray = await openLinuxTray(options, session.events);
  if (tray === null) return 0;
  const asking = client.run(control.signal);
  if (open) session.events.onAction('open', wanted.token);
  await session.run(tray, control.signal);
  control.abort();
  await tray.close();
  await asking;
  return 0;
}

/** Where the session's bus listens. A desktop says so; systemd puts it where everybody looks. */
function sessionBus(env: NodeJS.ProcessEnv): string {
  const { DBUS_SESSION_BUS_ADDRESS: address, XDG_RUNTIME_DIR: folder } = env;
  if (address !== undefined && address !== '') return address;
  if (folder !== undefined && existsSync(join(folder, 'bus'))) return `unix:path=${join(folder, 'bus')}`;
  throw new Error(
    'There is no desktop session here. Start the tray from one: it starts by itself at the next login.',
  );
}

async function showPage(client: TrayClient, token: string | null): Promise<boolean> {
  const url = await pageUrl(client);
  if (url === null) return false;
  return release(
    xdgOpen,
    [url],
    token === null ? {} : { XDG_ACTIVATION_TOKEN: token, DESKTOP_STARTUP_ID: token },
  );
}

/** The status page is not served yet. */
async function pageUrl(_client: TrayClient): Promise<string | null> {
  return null;
}
