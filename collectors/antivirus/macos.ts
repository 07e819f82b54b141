import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import type { Fact } from '../specs.ts';
import { readCortex } from './macos-cortex.ts';
import { readCrowdStrike } from './macos-crowdstrike.ts';
import { readDefender } from './macos-defender.ts';
import { readExtensionProducts } from './macos-extensions.ts';
import type { Product, ProductReader } from './macos-product.ts';
import { readSentinelOne } from './macos-sentinelone.ts';
import { readXProtect } from './macos-xprotect.ts';

/** Each by its own status command. */
const VENDORS: readonly ProductReader[] = [readCrowdStrike, readSentinelOne, readDefender, readCortex];

const MAX_PRODUCTS = 30;

export async function read(host: Host): Promise<Observed<Fact<'antivirus'>>> {
  const stated = (await Promise.all(VENDORS.map((vendor) => vendor(host)))).filter(
    (product) => product !== null,
  );
  const extensions = (await readExtensionProducts(host)).filter(
    (product) => !stated.some(({ vendor }) => vendor === product.vendor),
  );
  const builtIn = await readXProtect(host);
  const products = [...stated, ...extensions, ...(builtIn ? [builtIn] : [])].slice(0, MAX_PRODUCTS);
  // Every Mac has XProtect: an empty list means that nothing could be asked.
  if (products.length === 0) return unknown('failed', 'xprotect: its state could not be read');
  return known({ products, active: activeOf(products) });
}

/** An installed product that protects goes before the built-in one, which never stops beside it. */
function activeOf(products: readonly Product[]): string | null {
  return products.find((product) => product.mode === 'active')?.name ?? null;
}
