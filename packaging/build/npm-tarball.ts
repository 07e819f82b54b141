import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { BuildError, tool } from './tools.ts';

const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      integrity: z.string().optional(),
      license: z.string().optional(),
      dev: z.boolean().optional(),
    }),
  ),
});

export type LockedPackage = { name: string; version: string; integrity: string; license: string | null };

/** What package-lock.json says of packages, by where they lie below the project's root. */
export function readLock(root: string): ReadonlyMap<string, LockedPackage> {
  const { packages } = lockFile.parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')));
  const found = Object.entries(packages).flatMap(([path, one]) => {
    const { version, integrity, license = null } = one;
    if (version === undefined || integrity === undefined) return [];
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return [[path, { name, version, integrity, license }] as const];
  });
  return new Map(found);
}

/**
 * One file of a locked npm package, of whatever system: npm leaves out packages of other systems, so their tarball is
 * fetched and compared with the lock. Answers with the file's path below `cache`; a second call finds it there.
 */
export function fileOfPackage(
  root: string,
  cache: string,
  { name, path }: { name: string; path: string },
): string {
  const locked = readLock(root).get(`node_modules/${name}`);
  if (locked === undefined) throw new BuildError(`package-lock.json does not name ${name}`);
  const installed = join(root, 'node_modules', name, path);
  // What npm has installed it has compared with the lock itself.
  if (existsSync(installed)) return installed;
  const folder = join(cache, `${name.replaceAll('/', '-')}-${locked.version}`);
  if (!existsSync(folder)) unpack(locked, cache, folder);
  return join(folder, 'package', path);
}

function unpack({ name, version, integrity }: LockedPackage, cache: string, folder: string): void {
  const fetched = join(cache, 'fetched');
  const unpacked = `${folder}.part`;
  for (const path of [fetched, unpacked]) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
  }
  const argv = ['pack', `${name}@${version}`, '--silent', '--ignore-scripts', '--pack-destination', fetched];
  const file = join(fetched, tool('npm', argv).trim());
  const got = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`;
  if (got !== integrity)
    throw new BuildError(`${name}@${version} is not what package-lock.json says (${got}, not ${integrity})`);
  tool('tar', ['-xzf', file, '-C', unpacked]);
  rmSync(fetched, { recursive: true });
  renameSync(unpacked, folder);
}
