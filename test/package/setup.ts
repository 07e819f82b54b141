import { makeCertificate, makePackages, NEW, OLD, SIGNING } from './build.ts';

/** While a test is written, DRAWBRIDGE_PACKAGES=keep takes what the last run made. */
export async function setup(): Promise<void> {
  if (process.env.DRAWBRIDGE_PACKAGES === 'keep') return;
  await makePackages({ version: OLD, names: ['drawbridge-server', 'drawbridge-gateway'], formats: ['deb'] });
  makeCertificate();
  // Before the older ones: what lies in the folder of executables afterwards is the first version.
  await makePackages({
    version: NEW,
    names: ['drawbridge'],
    formats: ['deb', 'msi'],
    systems: ['linux-x64', 'win-x64'],
    signing: SIGNING,
  });
  await makePackages({
    version: OLD,
    names: ['drawbridge'],
    formats: ['deb', 'rpm', 'msi'],
    systems: ['linux-x64', 'win-x64'],
  });
}
