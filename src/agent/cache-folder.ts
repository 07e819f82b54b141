import { mkdir, stat } from 'node:fs/promises';
import { isAbsolute, join, win32 } from 'node:path';
import type { Platform } from '../../collectors/check.ts';

export type CacheUser = {
  platform: Platform;
  isRoot: boolean;
  home: string;
  /** XDG_CACHE_HOME, where it is set. */
  cacheHome: string | undefined;
};

/**
 * Where a command that only looks keeps the readers' dear answers: with the agent's own where there is an agent, else
 * in a cache folder, which anybody may empty. It never makes a state folder: that one means that an agent was set up.
 */
export async function cacheFolderFor(stateDir: string, user: CacheUser): Promise<string> {
  if (await isFolder(stateDir)) return stateDir;
  const folder = cachePath(user);
  // Where it cannot be made, the cache does without.
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(() => {});
  return folder;
}

/** Root's place is fixed: under sudo, HOME and XDG_CACHE_HOME may still be those of a user, who could write there. */
export function cachePath({ platform, isRoot, home, cacheHome }: CacheUser): string {
  if (platform === 'windows') return win32.join(home, 'AppData', 'Local', 'Drawbridge', 'Cache');
  if (isRoot) return '/var/cache/drawbridge';
  // A relative path has to be ignored (XDG Base Directory Specification).
  const base = cacheHome !== undefined && isAbsolute(cacheHome) ? cacheHome : join(home, '.cache');
  return join(base, 'drawbridge');
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
