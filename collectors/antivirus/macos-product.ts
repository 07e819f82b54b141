import type { Host } from '../check.ts';
import type { Fact } from '../specs.ts';

export type Product = Fact<'antivirus'>['products'][number];

/** Reads one vendor's product; null when it is not installed. */
export type ProductReader = (host: Host) => Promise<Product | null>;
