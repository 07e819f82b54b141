import { linesOf } from './macos-values.ts';

const MAX_DEPTH = 32;

/**
 * What `scutil` prints of the dynamic store: `<dictionary> {`, `<array> {`, `Key : value`, nested. Arrays are
 * numbered, so both become objects; every leaf is a string. Null when there is no whole dictionary.
 */
export function parseScutil(text: string): Record<string, unknown> | null {
  const lines = linesOf(text);
  const start = lines.findIndex((line) => /<dictionary> \{\s*$/.test(line));
  if (start < 0) return null;
  const root: Record<string, unknown> = {};
  const open = [root];
  for (const line of lines.slice(start + 1)) {
    if (/^\s*\}\s*$/.test(line)) open.pop();
    else addEntry(line, open);
    if (open.length === 0) return root;
    if (open.length > MAX_DEPTH) return null;
  }
  return null;
}

/** Values run to the end of the line and may hold colons. */
function addEntry(line: string, open: Record<string, unknown>[]): void {
  const [, key = '', value = ''] = /^\s*(\S.*?) : (.*?)\s*$/.exec(line) ?? [];
  const parent = open.at(-1);
  if (key === '' || !parent) return;
  const nested = /^<(?:dictionary|array)> \{$/.test(value) ? {} : null;
  Object.defineProperty(parent, key, { value: nested ?? value, enumerable: true, configurable: true });
  if (nested) open.push(nested);
}
