import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawIcon } from '../../src/tray/icon.ts';
import { buildNative, type NativeHelper } from '../native/build.ts';
import { toIco } from '../native/ico.ts';
import { thinSlice } from './macho-fat.ts';
import type { Target } from './targets.ts';
import { BuildError } from './tools.ts';

/** Its name beside the executable, where the tray looks for it (src/tray/desktop.ts). */
export const HELPER_NAMES = { windows: 'drawbridge-tray.exe', macos: 'drawbridge-tray' } as const;

/** Sides of a program's icon in Windows, in pixels. */
const ICO_SIZES = [16, 20, 24, 32, 48, 64, 128];

const WANTED: Readonly<Record<string, NativeHelper>> = {
  'win-x64': 'windows-x64',
  'macos-arm64': 'macos',
  'macos-x64': 'macos',
};

/**
 * Builds the native program that shows the tray on Windows or macOS, for one processor, into `folder` under the name that
 * it is to have beside the executable; answers the path. Throws `BuildError` where clang, lld or llvm is missing.
 */
export function trayHelper({ name, os }: Target, folder: string): string {
  const helper = WANTED[name];
  if (helper === undefined || os === 'linux') throw new BuildError(`${name} has no helper of the tray`);
  const [built] = buildNative(join(folder, '.native'), [helper]);
  if (built === undefined) throw new BuildError(`no helper of the tray was built for ${name}`);
  const whole = readFileSync(built);
  const bytes = os === 'macos' ? thinSlice(whole, name === 'macos-arm64' ? 'arm64' : 'x86_64') : whole;
  const file = join(folder, HELPER_NAMES[os]);
  writeFileSync(file, bytes, { mode: 0o755 });
  return file;
}

/** The program's icon as a file of Windows. */
export function windowsIcon(): Buffer {
  return toIco(ICO_SIZES.map((size) => drawIcon('green', size)));
}
