import { defineInterface, type DefinedInterface } from 'dbus-native';
import type { Colour } from '../wire/tray.ts';
import { drawIcon, ICON_SIZES, toArgb } from './icon.ts';
import { BUS, property, type Bus, type Place } from '../base/linux-bus.ts';
import { MENU_PATH } from './linux-menu.ts';
import type { View } from './view.ts';

const PATH = '/StatusNotifierItem';
const NAME = 'org.kde.StatusNotifierItem';
const WATCHER: Place = {
  service: 'org.kde.StatusNotifierWatcher',
  path: '/StatusNotifierWatcher',
  interface: 'org.kde.StatusNotifierWatcher',
};

/** The icon in the panel. */
export type Item = { show(view: View): void };

type Pixmap = [width: number, height: number, argb: Uint8Array];

/**
 * Puts the icon into the panel (StatusNotifierItem), and again whenever the panel comes back. Where no panel wants
 * icons (plain GNOME) nothing is shown, which is no error: notifications and the launcher are the way then.
 */
export async function openItem(
  bus: Bus,
  id: string,
  onActivate: (token: string | null) => void,
): Promise<Item> {
  const state: { view: View; token: string | null } = { view: NOTHING, token: null };
  const icons = memoized(pixmaps);
  const definition = describe(id, state, icons, onActivate);
  await bus.serve(PATH, definition);
  const name = `${NAME}-${process.pid}-1`;
  await bus.own(name);
  const register = async () => {
    await bus.ask(WATCHER, 'RegisterStatusNotifierItem', 's', [name]);
  };
  await bus.listen(
    { interface: BUS.interface, member: 'NameOwnerChanged', sender: BUS.service, arg0: WATCHER.service },
    ([, , owner]) => void (owner !== '' && register()),
  );
  await register();
  return {
    show(view) {
      const before = state.view;
      state.view = view;
      announce(definition, before, view);
    },
  };
}

/** Whether some panel shows icons at all. */
export async function isHosted(bus: Bus): Promise<boolean> {
  return (await property(bus, WATCHER, 'IsStatusNotifierHostRegistered')) === true;
}

const NOTHING: View = { colour: 'grey', title: '', detail: '', menu: [] };

function read(type: string, get: () => unknown) {
  return { type, access: 'read' as const, get };
}

function describe(
  id: string,
  state: { view: View; token: string | null },
  icons: (colour: Colour) => Pixmap[],
  onActivate: (token: string | null) => void,
): DefinedInterface {
  const activate = () => {
    onActivate(state.token);
    state.token = null;
  };
  const at = { x: 'i', y: 'i' };
  return defineInterface({
    name: NAME,
    properties: {
      Category: read('s', () => 'SystemServices'),
      Id: read('s', () => id),
      Title: read('s', () => state.view.title),
      Status: read('s', () => statusOf(state.view.colour)),
      WindowId: read('i', () => 0),
      IconThemePath: read('s', () => ''),
      IconName: read('s', () => ''),
      IconPixmap: read('a(iiay)', () => icons(state.view.colour)),
      OverlayIconName: read('s', () => ''),
      OverlayIconPixmap: read('a(iiay)', () => []),
      AttentionIconName: read('s', () => ''),
      AttentionIconPixmap: read('a(iiay)', () => icons(state.view.colour)),
      AttentionMovieName: read('s', () => ''),
      ToolTip: read('(sa(iiay)ss)', () => ['', [], state.view.title, state.view.detail]),
      ItemIsMenu: read('b', () => false),
      Menu: read('o', () => MENU_PATH),
    },
    methods: {
      Activate: { in: at, handler: activate },
      SecondaryActivate: { in: at, handler: activate },
      ContextMenu: { in: at, handler: () => {} },
      Scroll: { in: { delta: 'i', orientation: 's' }, handler: () => {} },
      ProvideXdgActivationToken: {
        in: { token: 's' },
        handler: ({ token }) => {
          state.token = String(token);
        },
      },
    },
    signals: {
      NewTitle: {},
      NewIcon: {},
      NewAttentionIcon: {},
      NewToolTip: {},
      NewStatus: { args: { status: 's' } },
    },
  });
}

/** Tells the panel what it has to ask for again. */
function announce({ emit }: DefinedInterface, before: View, view: View): void {
  if (before.title !== view.title) emit.NewTitle?.();
  if (before.title !== view.title || before.detail !== view.detail) emit.NewToolTip?.();
  if (before.colour === view.colour) return;
  emit.NewIcon?.();
  emit.NewAttentionIcon?.();
  emit.NewStatus?.(statusOf(view.colour));
}

/** `NeedsAttention` lets a panel that hides icons bring this one out. Never `Passive`: some panels hide those. */
function statusOf(colour: Colour): string {
  return colour === 'red' ? 'NeedsAttention' : 'Active';
}

function pixmaps(colour: Colour): Pixmap[] {
  return ICON_SIZES.map((size) => [size, size, toArgb(drawIcon(colour, size))]);
}

function memoized<V>(make: (colour: Colour) => V): (colour: Colour) => V {
  const made = new Map<Colour, V>();
  return (colour) => {
    const value = made.get(colour) ?? make(colour);
    made.set(colour, value);
    return value;
  };
}
