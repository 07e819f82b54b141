import type { Host } from '../check.ts';
import type { Fact } from '../specs.ts';

export type Product = Fact<'antivirus'>['products'][number];

/** Reads one vendor's product; null when it is not installed. */
export type ProductReader = (host: Host) => Promise<Product | null>;

/** A product of which nothing is known yet but that it is there. */
export function installedProduct(vendor: string, name: string): Product {
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
  };
}
