import { defineInterface } from 'dbus-native';
import type { Bus, Place } from '../base/linux-bus.ts';

/** The application's id: its name on the bus, and that of its .desktop file. */
export const APP_ID = 'io.drawbridge.Tray';

const APPLICATION: Place = {
  service: APP_ID,
  path: `/${APP_ID.replaceAll('.', '/')}`,
  interface: 'org.freedesktop.Application',
};

/** What a launcher may hand over besides the request. */
const TOKEN = 'activation-token';

/**
 * Becomes the one tray of this session: true. Where there is one already, false. `onActivate` is called when somebody
 * starts the program again to see the page.
 */
export async function becomeTheOne(bus: Bus, onActivate: (token: string | null) => void): Promise<boolean> {
  const activate = (data: unknown) => onActivate(tokenIn(data));
  const definition = defineInterface({
    name: APPLICATION.interface,
    methods: {
      Activate: { in: { platformData: 'a{sv}' }, handler: ({ platformData }) => activate(platformData) },
      // The interface has them; we have no files and no other actions.
      Open: {
        in: { uris: 'as', platformData: 'a{sv}' },
        handler: ({ platformData }) => activate(platformData),
      },
      ActivateAction: {
        in: { name: 's', parameter: 'av', platformData: 'a{sv}' },
        handler: ({ platformData }) => activate(platformData),
      },
    },
  });
  await bus.serve(APPLICATION.path, definition);
  return bus.own(APP_ID);
}

/** Asks the tray that runs already to show its page. */
export async function askTheOther(bus: Bus, token: string | null): Promise<void> {
  const data = token === null ? [] : [[TOKEN, ['s', token]]];
  await bus.call(APPLICATION, 'Activate', 'a{sv}', [data]);
}

function tokenIn(data: unknown): string | null {
  const token = (data as Record<string, unknown> | null)?.[TOKEN];
  return typeof token === 'string' ? token : null;
}
