import { Variant } from 'dbus-native';
import { drawIcon } from './icon.ts';
import type { Bus, Place } from '../base/linux-bus.ts';
import { isAction, type Note, type TrayEvents } from './view.ts';

const NOTIFICATIONS: Place = {
  service: 'org.freedesktop.Notifications',
  path: '/org/freedesktop/Notifications',
  interface: 'org.freedesktop.Notifications',
};

/** Pixels of the picture in a notification. */
const PICTURE = 48;
const NORMAL = 1;
const CRITICAL = 2;
/** What NotificationClosed gives as its reason when the person closed it. */
const BY_PERSON = 2;
/** The click on the notification itself. Some servers show it as a button, so it has a label too. */
const DEFAULT = 'default';

/** Our one notification. */
export type Notes = { notify(note: Note): Promise<void>; withdraw(): Promise<void> };

/**
 * org.freedesktop.Notifications. Signals are broadcast to everybody, so only the number that we were given counts;
 * an answer that comes before the number is known (the server may be quicker) waits for it.
 */
export async function openNotes(
  bus: Bus,
  { appName, desktopEntry }: { appName: string; desktopEntry: string },
  events: Pick<TrayEvents, 'onAction' | 'onDismissed'>,
): Promise<Notes> {
  let current = 0;
  let sending: Promise<void> = Promise.resolve();
  let token: string | null = null;
  const listen = (member: string, listener: (value: unknown) => void) =>
    bus.listen(
      { interface: NOTIFICATIONS.interface, member, path: NOTIFICATIONS.path },
      ([number, value]) => void sending.then(() => number === current && current !== 0 && listener(value)),
    );
  await listen('ActivationToken', (value) => {
    token = String(value);
  });
  await listen('ActionInvoked', (value) => {
    const action = value === DEFAULT ? 'open' : String(value);
    if (isAction(action)) events.onAction(action, token);
    token = null;
  });
  await listen('NotificationClosed', (reason) => {
    current = 0;
    if (reason === BY_PERSON) events.onDismissed();
  });
  const send = async (note: Note) => {
    const abilities = await capabilities(bus);
    const body = bodyOf(note, abilities, appName, desktopEntry, current);
    const number = await bus.call(NOTIFICATIONS, 'Notify', 'susssasa{sv}i', body);
    current = typeof number === 'number' ? number : 0;
  };
  return {
    notify(note) {
      const done = sending.then(() => send(note));
      // Where there is no server, the icon and the launcher remain.
      sending = done.catch(() => {});
      return done;
    },
    async withdraw() {
      await sending;
      if (current === 0) return;
      await bus.ask(NOTIFICATIONS, 'CloseNotification', 'u', [current]);
      current = 0;
    },
  };
}

/** Asked each time: the server can be replaced while we run. */
async function capabilities(bus: Bus): Promise<readonly string[]> {
  const list = await bus.call(NOTIFICATIONS, 'GetCapabilities').catch(() => []);
  return Array.isArray(list) ? list.map(String) : [];
}

function bodyOf(
  note: Note,
  abilities: readonly string[],
  appName: string,
  desktopEntry: string,
  replaces: number,
): unknown[] {
  const text = abilities.includes('body-markup') ? escaped(note.body) : note.body;
  return [
    appName,
    replaces,
    '',
    note.title,
    text,
    abilities.includes('actions') ? actionsOf(note) : [],
    {
      urgency: new Variant('y', note.urgent ? CRITICAL : NORMAL),
      category: new Variant('s', 'device'),
      'desktop-entry': new Variant('s', desktopEntry),
      'image-data': new Variant('(iiibiiay)', picture(note)),
    },
    // The server's own time: long enough to read, and kept in its list afterwards.
    -1,
  ];
}

/** Pairs of key and label. The button that opens the page is the click on the notification too. */
function actionsOf({ buttons }: Note): string[] {
  return buttons.flatMap(({ action, label }) => [action === 'open' ? DEFAULT : action, label]);
}

/** Width, height, bytes a row, whether there is alpha, bits a channel, channels, the pixels. */
function picture({ colour }: Note): unknown[] {
  return [PICTURE, PICTURE, PICTURE * 4, true, 8, 4, drawIcon(colour, PICTURE).rgba];
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** A server that reads markup would swallow a `<`, or show a link that somebody slipped in. */
export function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => ENTITIES[character] ?? character);
}
