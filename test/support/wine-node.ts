import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileOfPackage } from '../../packaging/build/npm-tarball.ts';
import { targets } from '../../packaging/build/targets.ts';
import type { Ran, RunOptions, Wine } from './wine.ts';

const CHECKOUT = join(import.meta.dirname, '../..');

/**
 * Runs lines of ours, as a module, by Windows' own Node in this checkout: for what an executable does not offer as a
 * command. What npm leaves out here because it is another system's comes from `cache`, a folder of `npm run package`.
 */
export function nodeUnder(wine: Wine, cache: string): (code: string, options?: RunOptions) => Promise<Ran> {
  const target = targets.find(({ name }) => name === 'win-x64');
  const koffi = target?.natives.koffi;
  if (target === undefined || koffi === undefined) throw new Error('there is no win-x64 with koffi');
  const node = fileOfPackage(CHECKOUT, cache, { name: target.runtime, path: target.node.path });
  // koffi looks in `process.resourcesPath`, too, which is Electron's: the one place besides node_modules.
  const place = join(wine.folder, 'koffi/win32_x64');
  mkdirSync(place, { recursive: true });
  copyFileSync(fileOfPackage(CHECKOUT, cache, koffi), join(place, 'koffi.node'));
  const before = `process.resourcesPath = ${JSON.stringify(wine.inside(wine.folder))};`;
  const preload = `data:text/javascript,${encodeURIComponent(before)}`;
  return (code, options) =>
    wine.run(node, ['--import', preload, '--input-type=module', '--eval', code], options);
}

/** What an import there has to name for a file of this checkout. */
export function moduleUnder(wine: Wine, path: string): string {
  return JSON.stringify(`file:///${wine.inside(join(CHECKOUT, path)).replaceAll('\\', '/')}`);
}
