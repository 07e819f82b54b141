// Packages of this checkout for the tests, made once a run by the same code as `npm run package`.
import { join } from 'node:path';
import { makeAll } from '../../packaging/build/make.ts';
import { parts } from '../../packaging/build/parts.ts';
import { targets } from '../../packaging/build/targets.ts';

export const CHECKOUT = join(import.meta.dirname, '../..');
export const OUT = join(CHECKOUT, 'test-output/package');

/** Two versions of the agent, the first of everything else. */
export const OLD = '0.1.0';
export const NEW = '0.2.0';

type Wish = { version: string; names: readonly string[]; formats: readonly ('deb' | 'rpm')[] };

export async function makePackages({ version, names, formats }: Wish): Promise<void> {
  await makeAll({
    root: CHECKOUT,
    out: OUT,
    version,
    targets: targets.filter(({ name }) => name === 'linux-x64'),
    parts: parts.filter(({ name }) => names.includes(name)),
    formats,
    quick: true,
    say: () => {},
  });
}

/** A package's path in a root booted with this checkout as /mnt. */
export function inRoot(file: string): string {
  return `/mnt/test-output/package/packages/${file}`;
}
