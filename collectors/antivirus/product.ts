import type { AntivirusProduct } from './spec.ts';

/** An installed product of which nothing else is known but what `more` says. */
export function installedProduct(
  vendor: string,
  name: string,
  more: Partial<AntivirusProduct> = {},
): AntivirusProduct {
  return {
    vendor,
    name,
    version: null,
    installed: true,
    running: null,
    realtime: null,
    mode: null,
    definitionsVersion: null,
    definitionsAt: null,
    upToDate: null,
    lastScanAt: null,
    tamperProtection: null,
    health: [],
    ...more,
  };
}
