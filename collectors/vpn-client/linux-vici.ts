/** strongSwan's settings as a tree, whether from its socket (`swanctl --raw`) or from `swanctl.conf`. */
export type Tree = Map<string, string | Tree>;

const MAX_CHARACTERS = 256 * 1024;
const MAX_DEPTH = 16;

/**
 * One line of `swanctl --raw`: `list-sa event {NAME {key=value key=[list] child-sas {…}}}`. Identities stand unquoted
 * and may hold spaces (`local-id=O=Fjord AS, CN=laptop`): a value ends before the next `key=`, section or brace.
 */
export function parseVici(line: string): Tree {
  const token =
    /([^\s={}[\]]{1,200}) ?\{|(\})|([a-z][\w-]{0,60})=(?:\[((?:[^[\]]|\[[^[\]]*\])*)\]|(.*?)(?=\s+[a-z][\w-]{0,60}=|\s+[^\s={}]{1,200} \{|\s*\}|$))/gs;
  return build(line.slice(0, MAX_CHARACTERS), token);
}

/** `swanctl.conf`: the same tree with spaces, comments and line ends. */
export function parseSwanctlConf(text: string): Tree {
  const token =
    /#[^\n]*|([^\s={}#:]{1,200})(?:[ \t]{0,20}:[^{\n]{0,200})?\s{0,200}\{|(\})|([\w-]{1,60})[ \t]{0,20}=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\n#}]*))/g;
  return build(text.slice(0, MAX_CHARACTERS), token);
}

/** Groups of `token`: section, end of section, key, and its value in either of two forms. */
function build(text: string, token: RegExp): Tree {
  const root: Tree = new Map();
  const open: Tree[] = [root];
  for (const [, section, end, key, list, scalar] of text.matchAll(token)) {
    const current = open.at(-1) ?? root;
    if (section !== undefined && open.length < MAX_DEPTH) open.push(enter(current, section));
    else if (end !== undefined && open.length > 1) open.pop();
    else if (key !== undefined) setOnce(current, key, (list ?? scalar ?? '').trim());
  }
  return root;
}

function enter(parent: Tree, name: string): Tree {
  const child: Tree = new Map();
  setOnce(parent, name, child);
  return child;
}

/** The first of equal keys counts: what a peer says of itself comes later than what is known of it. */
function setOnce(tree: Tree, name: string, value: string | Tree): void {
  const key = name.replaceAll('_', '-');
  if (!tree.has(key)) tree.set(key, value);
}

export function sectionOf(tree: Tree | undefined, name: string): Tree | undefined {
  const value = tree?.get(name);
  return value instanceof Map ? value : undefined;
}

export function textOf(tree: Tree | undefined, name: string): string | null {
  const value = tree?.get(name);
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The sections inside a section, by name. */
export function sectionsOf(tree: Tree | undefined): [string, Tree][] {
  return [...(tree ?? [])].flatMap(([name, value]) => (value instanceof Map ? [[name, value]] : []));
}
