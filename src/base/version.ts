import { z } from 'zod';
import { readAsset } from './assets.ts';

const manifest = z.object({ version: z.string() });

/** The version of everything in this repository, as its package states it. */
export function productVersion(): string {
  return manifest.parse(JSON.parse(readAsset('package.json'))).version;
}
