import { readdirSync, readFileSync } from 'node:fs';
import { join, matchesGlob } from 'node:path';
import { expect, test } from 'vitest';
import { parts } from '../../packaging/build/parts.ts';
import { scripts } from '../../collectors/windows-script.ts';

const root = join(import.meta.dirname, '../..');
const patterns = parts.flatMap(({ assets }) => assets);
/** Written by the build itself. */
const made = ['package.json'];

/** Paths that sources name where they read what came with the program. */
function namedInSources(): string[] {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => {
      const text = readFileSync(join(root, 'src', name), 'utf8');
      return [...text.matchAll(/\bread(?:Asset|AssetBytes)\(\s*'([^']+)'/g)].map((match) => match[1] ?? '');
    });
}

test('an executable bears every file that a source names', () => {
  const all = [
    ...namedInSources(),
    ...Object.values(scripts).flatMap(({ parts }) => parts.map((file) => `collectors/${file}`)),
  ];
  expect(all.length).toBeGreaterThan(10);
  const missing = all.filter(
    (path) => !made.includes(path) && !patterns.some((one) => matchesGlob(path, one)),
  );
  expect(missing).toEqual([]);
});
