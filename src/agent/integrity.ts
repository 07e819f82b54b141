import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import type { Platform } from '../../collectors/check.ts';
import type { Actor } from '../base/actors.ts';
import { isPackaged } from '../base/assets.ts';
import type { Clock } from '../base/clock.ts';
import { parseJson } from '../base/json.ts';
import { besideExecutable, nativeHashes } from '../base/native.ts';

/** What was installed: SHA-256 by file name, in `installed.json` beside the executable. */
const installed = z.record(z.string(), z.string());

export const INSTALLED = 'installed.json';

/** Beside the app of macOS, not in it: what the app's signature seals cannot name the program that bears the signature. */
const PLACES: Readonly<Record<Platform, string>> = {
  linux: INSTALLED,
  windows: INSTALLED,
  macos: `../../../${INSTALLED}`,
};
const DAY_MS = 24 * 3_600_000;

/**
 * Whether the program's own files are what was installed; null where nothing says what that was. It finds a file that
 * was damaged or exchanged. Whoever is root can exchange all of them and what they are compared with.
 */
export async function ownIntegrity(platform: Platform): Promise<boolean | null> {
  if (!isPackaged) return null;
  const text = await readFile(besideExecutable(PLACES[platform]), 'utf8').catch(() => '');
  const stated = installed.safeParse(parseJson(text));
  if (!stated.success || stated.data[basename(process.execPath)] === undefined) return null;
  return allMatch({ ...stated.data, ...nativeHashes() }, besideExecutable);
}

/** A file that cannot be read does not match. */
export async function allMatch(
  files: Readonly<Record<string, string>>,
  pathOf: (name: string) => string,
): Promise<boolean> {
  for (const [name, wanted] of Object.entries(files)) {
    if ((await sha256Of(pathOf(name)).catch(() => null)) !== wanted) return false;
  }
  return true;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  // By pieces: the executable is larger than all the memory that an idle agent has.
  for await (const piece of createReadStream(path, { highWaterMark: 256 * 1_024 }))
    hash.update(piece as Buffer);
  return hash.digest('hex');
}

export type IntegrityDeps = {
  clock: Clock;
  look(): Promise<boolean | null>;
  onSeen(whole: boolean | null): void;
};

/** Looks daily; the first look is the start’s. */
export function createIntegrity({ clock, look, onSeen }: IntegrityDeps): Actor {
  return {
    name: 'integrity',
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(DAY_MS, signal).catch(() => {});
        if (!signal.aborted) onSeen(await look().catch(() => null));
      }
    },
  };
}
