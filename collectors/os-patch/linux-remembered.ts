import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { Host } from '../check.ts';

/** What an answer was computed from: the files that decide it, by time, size and inode, and other words that do. */
export type Source = { files: readonly string[]; words?: readonly string[] };

/**
 * An answer that a package manager took a second or more to give, from the cache as long as its source is unchanged;
 * never for a time. Without any of the files there is nothing to tie it to, and it is asked anew. `keep` says whether
 * an answer is worth keeping: a failure is not.
 */
export async function remembered<T>(
  host: Host,
  {
    key,
    schema,
    source,
    keep,
  }: { key: string; schema: z.ZodType<T>; source: Source; keep: (answer: T) => boolean },
  ask: () => Promise<T | null>,
): Promise<T | null> {
  const fingerprint = await fingerprintOf(host, source);
  if (fingerprint === null) return ask();
  const found = schema.safeParse(host.cache.get(key, fingerprint));
  if (found.success) return found.data;
  const answer = await ask();
  if (answer !== null && keep(answer)) host.cache.set(key, fingerprint, answer);
  return answer;
}

async function fingerprintOf(host: Host, { files, words = [] }: Source): Promise<string | null> {
  const marks = await Promise.all(files.map((path) => markOf(host, path)));
  if (marks.every((mark) => mark === null)) return null;
  return createHash('sha256')
    .update(JSON.stringify([files, marks, words]))
    .digest('base64url');
}

/** An empty file says as much as none: SQLite leaves empty logs behind after reading. */
async function markOf(host: Host, path: string): Promise<number[] | null> {
  const status = await host.status(path);
  if (!status.ok || status.value.size === 0) return null;
  return [status.value.modifiedMs, status.value.size, status.value.inode];
}

const MAX_PATHS = 2_000;

/** Paths of everything in a folder except `without`. */
export async function pathsIn(
  host: Host,
  folder: string,
  without: ReadonlySet<string> = new Set(),
): Promise<string[]> {
  const names = await host.list(folder);
  return (names.ok ? names.value.slice(0, MAX_PATHS) : [])
    .filter((name) => !without.has(name))
    .map((name) => `${folder}/${name}`);
}
