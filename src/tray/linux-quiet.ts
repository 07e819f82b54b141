import { property, type Bus, type Place } from '../base/linux-bus.ts';

/** One way to learn that a person wants to be left alone: true, false, or null where this desktop has it not. */
type Question = (bus: Bus) => Promise<unknown>;

/** GNOME's flag for "do not consider the session idle": slides, films and calls set it. */
const INHIBIT_IDLE = 8;

const QUESTIONS: readonly Question[] = [
  // Do Not Disturb of KDE Plasma, by hand or while the screen is shared.
  (bus) => property(bus, at('org.freedesktop.Notifications', '/org/freedesktop/Notifications'), 'Inhibited'),
  (bus) => property(bus, dunst, 'paused'),
  (bus) => xfconf(bus, 'xfce4-notifyd', '/do-not-disturb'),
  (bus) => xfconf(bus, 'xfce4-power-manager', '/xfce4-power-manager/presentation-mode'),
  (bus) =>
    bus.ask(at('org.gnome.SessionManager', '/org/gnome/SessionManager'), 'IsInhibited', 'u', [INHIBIT_IDLE]),
  // GNOME's own Do Not Disturb is a setting that no service tells; the shell keeps notifications back by itself.
];

/** The desktop's own notification server is asked under its own interface. */
const dunst: Place = {
  service: 'org.freedesktop.Notifications',
  path: '/org/freedesktop/Notifications',
  interface: 'org.dunstproject.cmd0',
};

/** True when one of them says so; false when at least one could be asked; null when nobody knows. */
export async function isQuiet(bus: Bus): Promise<boolean | null> {
  const answers = await Promise.all(QUESTIONS.map((ask) => ask(bus)));
  const known = answers.filter((answer) => typeof answer === 'boolean');
  if (known.length === 0) return null;
  return known.includes(true);
}

function at(name: string, path: string): Place {
  return { service: name, path, interface: name };
}

/** A setting that was never changed does not exist, which is an error to xfconf and null here. */
function xfconf(bus: Bus, channel: string, name: string): Promise<unknown> {
  return bus.ask(at('org.xfce.Xfconf', '/org/xfce/Xfconf'), 'GetProperty', 'ss', [channel, name]);
}
