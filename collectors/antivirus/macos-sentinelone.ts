import { readSentinel, type Sentinel, type SentinelStatus } from '../macos-sentinelone.ts';
import type { Product, ProductReader } from './macos-product.ts';
import { installedProduct } from './product.ts';

export const readSentinelOne: ProductReader = async (host) => {
  const sentinel = await readSentinel(host);
  return sentinel && sentinelProduct(sentinel);
};

export function sentinelProduct({ version, status }: Sentinel): Product {
  const product = { ...installedProduct('SentinelOne', 'SentinelOne'), version };
  if (!status) return product;
  const health = ailments(status);
  const isProtecting = status.get('Agent/Protection') === 'enabled';
  return {
    ...product,
    running: status.get('Agent/Agent Operational State') !== 'disabled',
    realtime: isProtecting && health.length === 0,
    mode: isProtecting ? (health.length === 0 ? 'active' : null) : 'off',
    health,
  };
}

/** What each line says on a healthy Mac. A line that a version does not print is no ailment. */
const HEALTHY: Record<string, string> = {
  'Agent/Agent Operational State': 'enabled',
  'Agent/ES Framework': 'started',
  'Agent/Protection': 'enabled',
  'Agent/Ready': 'yes',
  'Agent/Missing Authorizations': '',
};

function ailments(status: SentinelStatus): string[] {
  return Object.entries(HEALTHY)
    .filter(([key, wanted]) => (status.get(key) ?? wanted) !== wanted)
    .map(([key]) => key.replace('Agent/', ''));
}
