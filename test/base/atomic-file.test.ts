import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { removeDurably, removeLeftovers, replaceSoon, writeAtomic } from '../../src/base/atomic-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'atomic-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each([
  ['writeAtomic', writeAtomic],
  ['replaceSoon', async (...args: Parameters<typeof replaceSoon>) => replaceSoon(...args)],
])('%s', (_name, write) => {
  test('replaces content, with the mode asked for, and leaves nothing beside it', async () => {
    const path = join(folder, 'state.json');
    await write(path, 'one');
    await write(path, 'two', 0o640);
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(statSync(path).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder)).toEqual(['state.json']);
  });

  test('replaces a symbolic link instead of following it', async () => {
    const target = join(folder, 'target');
    writeFileSync(target, 'untouched');
    symlinkSync(target, join(folder, 'link'));
    await write(join(folder, 'link'), 'new');
    expect(readFileSync(target, 'utf8')).toBe('untouched');
    expect(readFileSync(join(folder, 'link'), 'utf8')).toBe('new');
  });

  test('keeps the old content when it cannot write', async () => {
    await expect(write(join(folder, 'missing', 'state'), 'x')).rejects.toThrow(/ENOENT/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

test('removeDurably removes, and a missing file is fine', async () => {
  const path = join(folder, 'gone');
  writeFileSync(path, 'x');
  await removeDurably(path);
  await removeDurably(path);
  expect(readdirSync(folder)).toEqual([]);
});

test('removeLeftovers deletes our own temporary files only', async () => {
  writeFileSync(join(folder, '.state.json.0123456789ab.tmp'), 'half');
  writeFileSync(join(folder, 'state.json'), 'whole');
  writeFileSync(join(folder, 'notes.tmp'), 'somebody else’s');
  await removeLeftovers(folder);
  expect(readdirSync(folder).toSorted()).toEqual(['notes.tmp', 'state.json']);
});
