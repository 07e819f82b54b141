import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cacheFolderFor, cachePath, type CacheUser } from '../../src/agent/cache-folder.ts';
import { fileCache } from '../../src/agent/host-cache.ts';
import { temporaryFolder } from './harness.ts';

const alice: CacheUser = { platform: 'linux', isRoot: false, home: '/home/alice', cacheHome: undefined };

describe('the place of a cache without an agent', () => {
  test.each<[string, Partial<CacheUser>, string]>([
    ['a user', {}, '/home/alice/.cache/drawbridge'],
    ['a user of macOS', { platform: 'macos', home: '/Users/alice' }, '/Users/alice/.cache/drawbridge'],
    ['a user with a cache elsewhere', { cacheHome: '/scratch/alice' }, '/scratch/alice/drawbridge'],
    ['a relative XDG_CACHE_HOME', { cacheHome: 'cache' }, '/home/alice/.cache/drawbridge'],
    ['an empty XDG_CACHE_HOME', { cacheHome: '' }, '/home/alice/.cache/drawbridge'],
    ['root with a user’s environment', { isRoot: true, cacheHome: '/tmp/x' }, '/var/cache/drawbridge'],
    [
      'a user of Windows',
      { platform: 'windows', home: 'C:\\Users\\alice' },
      'C:\\Users\\alice\\AppData\\Local\\Drawbridge\\Cache',
    ],
  ])('%s', (_who, change, expected) => {
    expect(cachePath({ ...alice, ...change })).toBe(expected);
  });
});

describe('the folder', () => {
  test('is the state folder where there is one, and nothing else is made', async () => {
    const folder = await temporaryFolder();
    const stateDir = join(folder, 'state');
    mkdirSync(stateDir);
    expect(await cacheFolderFor(stateDir, { ...alice, home: folder })).toBe(stateDir);
    expect(existsSync(join(folder, '.cache'))).toBe(false);
  });

  test('is the user’s own otherwise; the state folder is not made, and the second run finds what the first kept', async () => {
    const folder = await temporaryFolder();
    const stateDir = join(folder, 'state');
    const user = { ...alice, home: folder };
    const first = await cacheFolderFor(stateDir, user);
    fileCache(first).set('key', 'a', 1);
    expect(existsSync(stateDir)).toBe(false);
    expect(statSync(first).mode & 0o777).toBe(0o700);
    expect(fileCache(await cacheFolderFor(stateDir, user)).get('key', 'a')).toBe(1);
  });

  test('that cannot be made is done without', async () => {
    const folder = await temporaryFolder();
    writeFileSync(join(folder, '.cache'), '');
    const cache = fileCache(await cacheFolderFor(join(folder, 'state'), { ...alice, home: folder }));
    cache.set('key', 'a', 1);
    expect(cache.get('key', 'a')).toBe(1);
  });
});
