import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readAsset } from './assets.ts';

/** File names of native modules beside the executable, and the SHA-256 that each had when this program was made. */
const manifest = z.record(z.string(), z.string());

export const NATIVES = 'natives.json';

/** What an executable says of the native modules that were installed beside it. */
export function nativeHashes(): Readonly<Record<string, string>> {
  return manifest.parse(JSON.parse(readAsset(NATIVES)));
}

export function besideExecutable(file: string): string {
  return join(dirname(process.execPath), file);
}

/**
 * Loads a native module from beside the executable, for packaged programs: its folder is the installer's alone to write.
 * Throws where the file is not the one that this program was made with. What it exports is the caller's to know.
 */
export function loadNative(file: string): unknown {
  const path = besideExecutable(file);
  const wanted = nativeHashes()[file];
  const found = createHash('sha256').update(readFileSync(path)).digest('hex');
  if (found !== wanted) throw new Error(`${path} is not what was installed. Install Drawbridge again.`);
  const module = { exports: {} as unknown };
  process.dlopen(module, path);
  return module.exports;
}
