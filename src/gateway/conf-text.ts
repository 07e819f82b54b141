/** One line of a FreeRADIUS configuration that says something, with the sections around it from outside to inside. */
export type ConfItem = {
  file: string;
  line: number;
  /** Such as ['server vpn', 'post-auth']. */
  path: readonly string[];
  /** The left side of `key = value`, or a bare word such as a module that is called. */
  key: string;
  /** Without quotes; null for a bare word. */
  value: string | null;
};

export type ConfFileText = { file: string; text: string };

/** Where an include leads: files in their order; empty for what is not there. */
export type Include = (target: string) => ConfFileText[];

const DEEPEST = 20;

/**
 * The items of a configuration, with what it includes in its place. A reader for looking at what people have written, not
 * FreeRADIUS' own: what it does not understand it passes over. Pure but for `include`.
 */
export function readConf(start: ConfFileText, include: Include): ConfItem[] {
  const items: ConfItem[] = [];
  const variables = new Map<string, string>();
  const path: string[] = [];
  const readFile = ({ file, text }: ConfFileText, depth: number): void => {
    for (const { line, words } of statements(text)) {
      const included = /^\$-?INCLUDE\s+(.+)$/.exec(words)?.[1];
      if (included !== undefined) {
        if (depth >= DEEPEST) continue;
        for (const next of include(expand(unquoted(included), variables))) readFile(next, depth + 1);
        continue;
      }
      if (words === '}') {
        path.pop();
        continue;
      }
      if (words.endsWith('{')) {
        path.push(words.slice(0, -1).trim());
        continue;
      }
      const [, key = words, value] = /^([^\s=]+(?:\s*:)?)\s*[:+]?=~?\s*(.*)$/.exec(words) ?? [];
      const plain = value === undefined ? null : expand(unquoted(value), variables);
      if (path.length === 0 && plain !== null) variables.set(key, plain);
      items.push({ file, line, path: [...path], key, value: plain });
    }
  };
  readFile(start, 0);
  return items;
}

/** Lines without comments, with continued ones joined and braces on lines of their own. */
function statements(text: string): { line: number; words: string }[] {
  const found: { line: number; words: string }[] = [];
  let pending = '';
  for (const [index, raw] of text.split('\n').entries()) {
    const bare = pending + withoutComment(raw).trim();
    if (bare.endsWith('\\')) {
      pending = bare.slice(0, -1);
      continue;
    }
    pending = '';
    for (const words of onePerLine(bare)) if (words !== '') found.push({ line: index + 1, words });
  }
  return found;
}

/** A # begins a comment at the start or after a space, but not inside quotes. */
function withoutComment(line: string): string {
  return /^(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?<!^)(?<!\s)#|[^#])*/.exec(line)?.[0] ?? '';
}

/** `a { b = c }` in three; a brace inside quotes or `${…}` is text. */
function onePerLine(bare: string): string[] {
  if (bare === '}' || !/^[^'"]*[{}]/.test(bare)) return [bare];
  const open = /^([^'"{}$%]*?)\{\s*(.*)$/.exec(bare);
  if (open !== null) return [`${open[1]?.trim()} {`, ...onePerLine(open[2]?.trim() ?? '')];
  const close = /^(.*[^\s}]\s*|)\}$/.exec(bare);
  if (close !== null && !/[$%]\{[^}]*\}$/.test(bare)) return [...onePerLine((close[1] ?? '').trim()), '}'];
  return [bare];
}

function unquoted(text: string): string {
  return text.trim().replace(/^(["'])(.*)\1$/, '$2');
}

function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$\{([A-Za-z0-9_]+)\}/g, (all, name: string) => variables.get(name) ?? all);
}
