// The icon and the menu of the tray, as the installed package shows them in a real panel.
import { setTimeout as wait } from 'node:timers/promises';
import { INKS } from '../../src/tray/icon.ts';
import { Desktop, findColour } from '../support/desktop.ts';
import type { GuideMachine } from '../support/guide.ts';
import { waitFor } from '../support/wait-for.ts';

/** `folder`: one that the machine sees, too; `there`: what it is called in it. */
export async function trayPicture(
  at: GuideMachine,
  file: string,
  { folder, there }: { folder: string; there: string },
): Promise<void> {
  const desktop = new Desktop(folder);
  try {
    await desktop.open();
    const bus = desktop.busAddress.replace(folder, there);
    at.sh(
      `cd / && DBUS_SESSION_BUS_ADDRESS=${bus} LANG=en_GB.UTF-8 setsid drawbridge tray </dev/null >/run/tray.log 2>&1 &`,
    );
    const icon = await waitFor('an amber icon', () => findColour(desktop.look(), INKS.amber.fill));
    const menu = await desktop.openMenu(icon);
    // The pointer would hide the icon, and mark a line of the menu.
    desktop.input('mousemove', String(menu.x + menu.width + 100), String(menu.y + menu.height + 100));
    // Drawing is not done when a window is there.
    await wait(1_000);
    // As wide as the menu, and from the panel above it.
    desktop.keep(file, { ...menu, y: 0, height: menu.y + menu.height });
  } finally {
    await desktop.close();
  }
}
