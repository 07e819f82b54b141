import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { getAsset, getAssetKeys, getRawAsset, isSea } from 'node:sea';

/** Whether this program is one executable that bears its own files (`npm run package`), and no checkout. */
export const isPackaged = isSea();

const ROOT = join(import.meta.dirname, '../..');

/**
 * A text file that came with this program, by its path below the project's root. Throws where it did not:
 * `packaging/build/parts.ts` says which files an executable bears.
 */
export function readAsset(path: string): string {
  return isPackaged ? getAsset(path, 'utf8') : readFileSync(join(ROOT, path), 'utf8');
}

/** The bytes of such a file. They are this program's own memory: do not write to them. */
export function readAssetBytes(path: string): Uint8Array {
  return isPackaged ? new Uint8Array(getRawAsset(path)) : readFileSync(join(ROOT, path));
}

/** Paths of the files below a folder that came with this program, in order. */
export function listAssets(folder: string): string[] {
  return (isPackaged ? packaged(folder) : inCheckout(folder)).toSorted();
}

/** Where programs of ours lie that this one starts: beside it; in a checkout where `npm run native` puts them. */
export function programsFolder(): string {
  return isPackaged ? dirname(process.execPath) : join(ROOT, 'dist/native');
}

function packaged(folder: string): string[] {
  return getAssetKeys().filter((path) => path.startsWith(`${folder}/`));
}

function inCheckout(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) =>
      join(one.parentPath, one.name)
        .slice(ROOT.length + 1)
        .replaceAll('\\', '/'),
    );
}
