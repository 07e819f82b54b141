import type { Colour, SnoozeHours } from '../wire/tray.ts';

/** All that a person can set off from menu, icon or notification: closed words, whoever sends them back. */
export const ACTIONS = ['open', 'recheck', 'reconnect', 'snooze-1', 'snooze-4', 'snooze-24'] as const;
export type ActionId = (typeof ACTIONS)[number];

export function isAction(word: string): word is ActionId {
  return ACTIONS.some((action) => action === word);
}

/** The hours that a snooze action stands for; null for every other action. */
export function hoursOf(action: ActionId): SnoozeHours | null {
  const hours = { 'snooze-1': 1, 'snooze-4': 4, 'snooze-24': 24 } as const;
  return action in hours ? hours[action as keyof typeof hours] : null;
}

/** An item without an action is text; one with an action that is not enabled is shown grey, its label says why. */
export type MenuItem = { kind: 'item'; label: string; action: ActionId | null; enabled: boolean };
export type MenuEntry =
  MenuItem | { kind: 'line' } | { kind: 'menu'; label: string; items: readonly MenuItem[] };

/** What an icon shows, on every system alike. */
export type View = {
  colour: Colour;
  /** The product and the state in a word: what a screen reader says. */
  title: string;
  /** One sentence. */
  detail: string;
  menu: readonly MenuEntry[];
};

/** A notification. One at a time: the next one takes the place of the last. */
export type Note = {
  title: string;
  /** Plain text; says what to do, since not every system shows buttons. */
  body: string;
  colour: Colour;
  /** Stays until it is closed, and is shown even where the person wants no banners. */
  urgent: boolean;
  buttons: readonly { action: ActionId; label: string }[];
};

/** What comes back from the person. `token` lets a window that is opened for it come to the front (Wayland). */
export type TrayEvents = {
  onAction(action: ActionId, token: string | null): void;
  /** The notification was closed by the person, not by time. */
  onDismissed(): void;
  /** The desktop, or the helper, is gone: nothing can be shown any more. */
  onGone(why: string): void;
};

/** One system's way to show it. */
export interface Tray {
  show(view: View): void;
  notify(note: Note): void;
  /** Takes the notification back, if it is still there. */
  withdraw(): void;
  /** Whether the person is presenting or wants no notifications; null where that cannot be known. */
  isQuiet(): Promise<boolean | null>;
  close(): Promise<void>;
}
