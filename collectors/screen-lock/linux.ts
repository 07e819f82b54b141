import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { isBooted } from '../linux-systemd.ts';
import type { Fact } from '../specs.ts';
import { readCinnamon, readGnome } from './linux-gsettings.ts';
import { readKde } from './linux-kde.ts';
import type { UserLock } from './linux-lock.ts';
import { listSessions, type Session } from './linux-sessions.ts';

type ScreenLock = Fact<'screen-lock'>;

type Desktop = { name: RegExp; read: (host: Host, user: string) => Promise<UserLock | null> };

/** By what a desktop calls itself in XDG_SESSION_DESKTOP. Others keep their settings where we cannot look. */
const DESKTOPS: readonly Desktop[] = [
  { name: /kde|plasma/i, read: readKde },
  { name: /cinnamon/i, read: readCinnamon },
  { name: /gnome|ubuntu|unity|budgie|pop|zorin|pantheon|endless/i, read: readGnome },
];

const UNREAD: UserLock = { enabled: null, delaySeconds: null, idleSeconds: null, enforced: null };

/** Each person who sits at a graphical session of this computer, by their own desktop's settings. */
export async function read(host: Host): Promise<Observed<ScreenLock>> {
  const sessions = await listSessions(host);
  if (sessions === null) return withoutLogind(host);
  const seats = sessions.filter(isGraphical);
  if (seats.length === 0) return unknown('not-applicable', 'Nobody is logged in at a graphical session.');
  const users = await Promise.all(
    seats.map(async (session) => ({ session: session.id, ...((await readLock(host, session)) ?? UNREAD) })),
  );
  if (users.some(({ enabled }) => enabled !== null)) return known({ users });
  const desktops = [...new Set(seats.map(({ desktop }) => desktop || 'unnamed'))].join(', ');
  return host.isRoot
    ? unknown('unsupported', `The settings of this desktop cannot be read: ${desktops}.`)
    : unknown('denied', 'Only its user and root can read a desktop’s settings.');
}

/** Greeters, background services and logins over the network have no screen here. */
function isGraphical({ type, class: kind, remote, closing }: Session): boolean {
  return /^(wayland|x11|mir)$/.test(type) && kind.startsWith('user') && !remote && !closing;
}

async function readLock(host: Host, { user, desktop }: Session): Promise<UserLock | null> {
  return (await DESKTOPS.find(({ name }) => name.test(desktop))?.read(host, user)) ?? null;
}

/** Without logind and without a display, nobody can sit at one. */
async function withoutLogind(host: Host): Promise<Observed<ScreenLock>> {
  const displays = await host.list('/tmp/.X11-unix');
  const none = displays.ok ? displays.value.length === 0 : displays.error === 'missing';
  if (host.isRoot && none && (await isBooted(host)) === false) {
    return unknown(
      'not-applicable',
      'No logind and no display: nobody can be logged in at a graphical session.',
    );
  }
  return unknown('not-installed', 'No logind here tells who is logged in.');
}
