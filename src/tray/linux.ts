import { openItem } from './linux-item.ts';
import { openBus } from '../base/linux-bus.ts';
import { MENU_PATH, serveMenu } from './linux-menu.ts';
import { openNotes } from './linux-notes.ts';
import { isQuiet } from './linux-quiet.ts';
import { APP_ID, askTheOther, becomeTheOne } from './linux-single.ts';
import type { Tray, TrayEvents } from './view.ts';

export type LinuxOptions = {
  /** The session bus. */
  address: string;
  appName: string;
  /** The file name of the launcher, without its ending: notifications are listed under it. */
  desktopEntry: string;
  /** Whether this start is a wish to see the page, and the token by which its window may come to the front. */
  wanted: { open: boolean; token: string | null };
};

/** The tray of a Linux session; null where one runs already, which was then asked to open the page if that was wanted. */
export async function openLinuxTray(options: LinuxOptions, events: TrayEvents): Promise<Tray | null> {
  const { address, appName, desktopEntry, wanted } = options;
  const bus = await openBus(address);
  const open = (token: string | null) => events.onAction('open', token);
  if (!(await becomeTheOne(bus, open))) {
    if (wanted.open) await askTheOther(bus, wanted.token);
    await bus.close();
    return null;
  }
  let isClosing = false;
  void bus.ended.then((why) => isClosing || events.onGone(why));
  const menu = serveMenu((action) => events.onAction(action, null));
  await bus.serve(MENU_PATH, menu.definition);
  const item = await openItem(bus, APP_ID, open);
  const notes = await openNotes(bus, { appName, desktopEntry }, events);
  return {
    show(view) {
      item.show(view);
      menu.replace(view.menu);
    },
    notify: (note) => void notes.notify(note).catch(() => {}),
    withdraw: () => void notes.withdraw(),
    isQuiet: () => isQuiet(bus),
    async close() {
      isClosing = true;
      await notes.withdraw();
      await bus.close();
    },
  };
}
