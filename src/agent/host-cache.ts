import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Cache } from '../../collectors/check.ts';
import { replaceSoon } from '../base/atomic-file.ts';

const MAX_ENTRIES = 32;
const MAX_BYTES = 512 * 1024;

const cacheFile = z.object({
  version: z.literal(1),
  entries: z.record(z.string(), z.object({ fingerprint: z.string(), value: z.unknown() })),
});

type Entries = Map<string, { fingerprint: string; value: unknown }>;

export function memoryCache(): Cache {
  return cacheOver(new Map(), () => {});
}

/**
 * Keeps answers in `<folder>/reader-cache.json`, readable and writable for its owner alone. A file that is damaged,
 * too large, or that somebody else could have written counts as empty; one that cannot be written is done without.
 */
export function fileCache(folder: string): Cache {
  const path = join(folder, 'reader-cache.json');
  return cacheOver(load(path), (entries) => save(path, entries));
}

function cacheOver(entries: Entries, changed: (entries: Entries) => void): Cache {
  return {
    get(key, fingerprint) {
      const entry = entries.get(key);
      return entry?.fingerprint === fingerprint ? entry.value : undefined;
    },
    set(key, fingerprint, value) {
      // Deleted first, so that the order of the map is the order of last change.
      entries.delete(key);
      entries.set(key, { fingerprint, value });
      dropOldest(entries);
      changed(entries);
    },
  };
}

function dropOldest(entries: Entries) {
  for (const key of entries.keys()) {
    if (entries.size <= MAX_ENTRIES) return;
    entries.delete(key);
  }
}

function load(path: string): Entries {
  try {
    const { entries } = cacheFile.parse(JSON.parse(readOwn(path)));
    return new Map(Object.entries(entries).slice(0, MAX_ENTRIES));
  } catch {
    return new Map();
  }
}

/** Throws unless it is a small regular file that only this user can have written. */
function readOwn(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { mode, uid, size } = fstatSync(descriptor);
    const foreign = uid !== process.getuid?.() || (mode & 0o077) !== 0;
    if (foreign || size > MAX_BYTES) throw new Error('not our own cache');
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

/** A lost cache costs a second, waiting for the disk costs it every time. */
function save(path: string, entries: Entries) {
  const text = JSON.stringify({ version: 1, entries: Object.fromEntries(entries) });
  if (Buffer.byteLength(text) > MAX_BYTES) return;
  try {
    replaceSoon(path, text);
  } catch {
    // It is kept in memory all the same.
  }
}
