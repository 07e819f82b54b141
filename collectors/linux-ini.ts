/** A section of an ini file with its lines in order; a key may occur more than once. */
export type IniSection = { name: string; entries: readonly (readonly [key: string, value: string])[] };

const MAX_LINES = 20_000;

/**
 * `[section]` and `key = value`, with `#` or `;` comments on lines of their own or after a space. Keys may contain
 * spaces (xl2tpd). What stands before the first section belongs to one without a name.
 */
export function parseIni(text: string): IniSection[] {
  const sections: { name: string; entries: [string, string][] }[] = [{ name: '', entries: [] }];
  for (const raw of text.split('\n', MAX_LINES)) {
    const line = raw.replace(/(^|\s)[#;].*$/, '').trim();
    const name = /^\[(.*)\]$/.exec(line)?.[1];
    if (name !== undefined) sections.push({ name: name.trim(), entries: [] });
    const at = name === undefined ? line.indexOf('=') : -1;
    if (at > 0) sections.at(-1)?.entries.push([line.slice(0, at).trimEnd(), line.slice(at + 1).trimStart()]);
  }
  return sections;
}

/** The first value of a key in a section. */
export function valueOf(section: IniSection | undefined, key: string): string | null {
  return section?.entries.find(([name]) => name === key)?.[1] ?? null;
}
