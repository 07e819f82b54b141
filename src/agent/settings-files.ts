import { stat } from 'node:fs/promises';
import type { Platform } from '../../collectors/check.ts';
import { isMissing } from '../base/atomic-file.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { BUNDLE_ID, MANAGED_FILE, statePaths } from './paths.ts';

type Whose = { platform: Platform; configFile: string; stateDir: string };

/** The files that settings come from; null where they also come from elsewhere. */
export function settingsFiles({ platform, configFile, stateDir }: Whose): string[] | null {
  const managed = {
    linux: MANAGED_FILE,
    macos: `/Library/Managed Preferences/${BUNDLE_ID}.plist`,
    windows: null,
  }[platform];
  return managed === null ? null : [configFile, managed, statePaths(stateDir).managed];
}

/** Milliseconds within which a file may change again without its times telling. */
const TICK_MS = 2_000;

export type Watched<T> = {
  /** Null where there is no list. */
  files: readonly string[] | null;
  look: () => Promise<T>;
  /** What was seen already, and when that look began or earlier (milliseconds). */
  first?: { seen: T; at: number };
  clock?: Pick<Clock, 'now'>;
};

/**
 * Looks only once one of `files` is another than at the last look; always, where there is no list. Answers what was
 * seen last: what reads and judges settings is no small thing in memory, and is forgotten in between.
 */
export function whenChanged<T>({ files, look, first, clock = systemClock }: Watched<T>): () => Promise<T> {
  const marksAt = async (at: number) => (files === null ? null : marksOf(files, at));
  let last = first && { marks: marksAt(first.at), seen: first.seen };
  return async () => {
    const marks = marksAt(clock.now());
    const now = await marks;
    if (now !== null && last !== undefined && (await last.marks) === now) return last.seen;
    last = undefined;
    const seen = await look();
    last = { marks, seen };
    return seen;
  };
}

/** By which each of the files, as it was read at `now`, is told from any other; null while that cannot be said. */
async function marksOf(files: readonly string[], now: number): Promise<string | null> {
  const marks = await Promise.all(files.map((file) => markOf(file, now)));
  return marks.includes(null) ? null : marks.join('\n');
}

async function markOf(file: string, now: number): Promise<string | null> {
  try {
    const { dev, ino, size, mode, uid, mtimeMs, ctimeMs } = await stat(file);
    if (now - ctimeMs < TICK_MS) return null;
    return [dev, ino, size, mode, uid, mtimeMs, ctimeMs].join(' ');
  } catch (error) {
    return isMissing(error) ? 'missing' : null;
  }
}
