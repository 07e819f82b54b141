import type { Setting } from '../../src/agent/setting-list.ts';

/** Something made of each setting, and of each section from what was made of what is in it. */
export function bySection<T>(
  settings: readonly Setting[],
  leaf: (setting: Setting) => T,
  section: (key: string, children: Record<string, T>) => T,
  depth = 0,
): Record<string, T> {
  const keys = new Set(settings.flatMap(({ path }) => path[depth] ?? []));
  const entries = [...keys].map((key): [string, T] => {
    const below = settings.filter(({ path }) => path[depth] === key);
    const [first] = below;
    if (first !== undefined && first.path.length === depth + 1) return [key, leaf(first)];
    return [key, section(key, bySection(below, leaf, section, depth + 1))];
  });
  return Object.fromEntries(entries);
}
