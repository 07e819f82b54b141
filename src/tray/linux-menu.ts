import { defineInterface, Variant, type DefinedInterface } from 'dbus-native';
import type { ActionId, MenuEntry, MenuItem } from './view.ts';

export const MENU_PATH = '/MenuBar';
const NAME = 'com.canonical.dbusmenu';

/** One line of the menu as the protocol has it. Number 0 is the menu itself. */
type Node = {
  number: number;
  properties: Readonly<Record<string, Variant>>;
  children: readonly Node[];
  action: ActionId | null;
};

/** The menu of the icon, served to whoever shows it. */
export type ServedMenu = { definition: DefinedInterface; replace(entries: readonly MenuEntry[]): void };

/**
 * com.canonical.dbusmenu: the panel asks for the layout and tells which line was clicked. Numbers are given anew for
 * each menu and never twice, so that a click on a menu that was replaced meanwhile sets off nothing else.
 */
export function serveMenu(onAction: (action: ActionId) => void): ServedMenu {
  let revision = 1;
  let next = 1;
  let root: Node = menuNode(0, []);
  let all = flatten(root);
  const click = (number: number, event: string): boolean => {
    const node = all.get(number);
    if (node === undefined) return false;
    if (event === 'clicked' && node.action !== null) onAction(node.action);
    return true;
  };
  const definition = defineInterface({
    name: NAME,
    properties: {
      Version: { type: 'u', access: 'read', get: () => 3 },
      TextDirection: { type: 's', access: 'read', get: () => 'ltr' },
      Status: { type: 's', access: 'read', get: () => 'normal' },
      IconThemePath: { type: 'as', access: 'read', get: () => [] },
    },
    methods: {
      GetLayout: {
        in: { parentId: 'i', recursionDepth: 'i', propertyNames: 'as' },
        out: { revision: 'u', layout: '(ia{sv}av)' },
        handler: ({ parentId, recursionDepth, propertyNames }) => ({
          revision,
          layout: layout(nodeIn(all, parentId), Number(recursionDepth), names(propertyNames)),
        }),
      },
      GetGroupProperties: {
        in: { ids: 'ai', propertyNames: 'as' },
        out: { properties: 'a(ia{sv})' },
        handler: ({ ids, propertyNames }) => group(all, numbers(ids), names(propertyNames)),
      },
      GetProperty: {
        in: { id: 'i', name: 's' },
        out: { value: 'v' },
        handler: ({ id, name }) => {
          const value = nodeIn(all, id).properties[String(name)];
          if (value === undefined) throw new Error('no such property');
          return value;
        },
      },
      Event: {
        in: { id: 'i', eventId: 's', data: 'v', timestamp: 'u' },
        handler: ({ id, eventId }) => void click(Number(id), String(eventId)),
      },
      EventGroup: {
        in: { events: 'a(isvu)' },
        out: { idErrors: 'ai' },
        handler: ({ events }) =>
          (events as [number, string][])
            .filter(([number, event]) => !click(number, event))
            .map(([number]) => number),
      },
      AboutToShow: { in: { id: 'i' }, out: { needUpdate: 'b' }, handler: () => false },
      AboutToShowGroup: {
        in: { ids: 'ai' },
        out: { updatesNeeded: 'ai', idErrors: 'ai' },
        handler: () => ({ updatesNeeded: [], idErrors: [] }),
      },
    },
    signals: {
      LayoutUpdated: { args: { revision: 'u', parent: 'i' } },
      ItemsPropertiesUpdated: { args: { updatedProps: 'a(ia{sv})', removedProps: 'a(ias)' } },
      ItemActivationRequested: { args: { id: 'i', timestamp: 'u' } },
    },
  });
  return {
    definition,
    replace(entries) {
      const built = entries.map((entry) => build(entry, () => next++));
      root = menuNode(0, built);
      all = flatten(root);
      revision += 1;
      definition.emit.LayoutUpdated?.(revision, 0);
    },
  };
}

function build(entry: MenuEntry, number: () => number): Node {
  switch (entry.kind) {
    case 'line':
      return leaf(number(), { type: new Variant('s', 'separator') }, null);
    case 'item':
      return itemNode(entry, number());
    case 'menu': {
      const children = entry.items.map((item) => itemNode(item, number()));
      const node = menuNode(number(), children);
      return { ...node, properties: { ...node.properties, label: label(entry.label) } };
    }
  }
}

function itemNode({ label: text, enabled, action }: MenuItem, number: number): Node {
  const properties = { label: label(text), enabled: new Variant('b', enabled) };
  return leaf(number, properties, enabled ? action : null);
}

function menuNode(number: number, children: readonly Node[]): Node {
  return { number, properties: { 'children-display': new Variant('s', 'submenu') }, children, action: null };
}

function leaf(number: number, properties: Node['properties'], action: ActionId | null): Node {
  return { number, properties, children: [], action };
}

/** An underscore would make the next letter a shortcut. */
function label(text: string): Variant {
  return new Variant('s', text.replaceAll('_', '__'));
}

function flatten(root: Node): Map<number, Node> {
  const all = new Map([[root.number, root]]);
  for (const child of root.children) for (const [number, node] of flatten(child)) all.set(number, node);
  return all;
}

function nodeIn(all: ReadonlyMap<number, Node>, number: unknown): Node {
  const node = all.get(Number(number));
  if (node === undefined) throw new Error('no such item');
  return node;
}

/** `depth` below 0 is the whole tree. */
function layout(node: Node, depth: number, wanted: readonly string[]): unknown[] {
  const children = depth === 0 ? [] : node.children.map((child) => layout(child, depth - 1, wanted));
  return [
    node.number,
    only(node.properties, wanted),
    children.map((child) => new Variant('(ia{sv}av)', child)),
  ];
}

function group(all: ReadonlyMap<number, Node>, ids: readonly number[], wanted: readonly string[]): unknown[] {
  const nodes = ids.length === 0 ? [...all.values()] : ids.flatMap((id) => all.get(id) ?? []);
  return nodes.map(({ number, properties }) => [number, only(properties, wanted)]);
}

/** No names are all names. */
function only(properties: Node['properties'], wanted: readonly string[]): Node['properties'] {
  if (wanted.length === 0) return properties;
  return Object.fromEntries(Object.entries(properties).filter(([name]) => wanted.includes(name)));
}

function names(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.map(Number) : [];
}
