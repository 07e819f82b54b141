import { makePackages, NEW, OLD } from './build.ts';

/** While a test is written, DRAWBRIDGE_PACKAGES=keep takes what the last run made. */
export async function setup(): Promise<void> {
  if (process.env.DRAWBRIDGE_PACKAGES === 'keep') return;
  await makePackages({ version: OLD, names: ['drawbridge-server', 'drawbridge-gateway'], formats: ['deb'] });
  await makePackages({ version: OLD, names: ['drawbridge'], formats: ['deb', 'rpm'] });
  await makePackages({ version: NEW, names: ['drawbridge'], formats: ['deb'] });
}
