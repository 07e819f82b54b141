import { readFalcon, type Falcon } from '../macos-falcon.ts';
import type { Product, ProductReader } from './macos-product.ts';
import { installedProduct } from './product.ts';

export const readCrowdStrike: ProductReader = async (host) => {
  const falcon = await readFalcon(host);
  return falcon && falconProduct(falcon);
};

/** Loaded is not enough: in reduced functionality mode the sensor runs and does not protect. */
export function falconProduct(falcon: Falcon): Product {
  return {
    ...installedProduct('CrowdStrike', 'CrowdStrike Falcon'),
    version: falcon.version,
    running: falcon.loaded,
    mode: falcon.operational === true ? 'active' : falcon.loaded === false ? 'off' : null,
    health: [
      ...(falcon.loaded === false ? ['sensor-not-loaded'] : []),
      ...(falcon.reduced === true ? ['rfm'] : []),
    ],
  };
}
