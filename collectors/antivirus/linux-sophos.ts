import type { Host } from '../check.ts';
import { parseIni, valueOf } from '../linux-ini.ts';
import { isUnitActive, plainMode, vendor } from './linux-vendor.ts';
import { installedProduct } from './product.ts';

const HOME = '/opt/sophos-spl';

export const sophos = vendor({
  async find(host) {
    const folder = await host.list(HOME);
    return folder.ok || folder.error === 'denied' ? HOME : null;
  },
  async read(host) {
    const running = await isUnitActive(host, 'sophos-spl.service');
    const onAccess = await isOnAccessEnabled(host);
    const realtime = running === false ? false : running && onAccess;
    return installedProduct('Sophos', 'Sophos Protection for Linux', {
      version: await readVersion(host),
      running,
      realtime,
      mode: plainMode(realtime),
    });
  },
});

/** Written by the on-access daemon itself (sophos-spl, `StatusFile`): `enabled` or `disabled`. */
async function isOnAccessEnabled(host: Host): Promise<boolean | null> {
  const status = await host.readText(`${HOME}/plugins/av/var/on_access_status`);
  const word = status.ok ? status.value.trim() : '';
  return word === 'enabled' ? true : word === 'disabled' ? false : null;
}

async function readVersion(host: Host): Promise<string | null> {
  const text = await host.readText(`${HOME}/base/VERSION.ini`);
  if (!text.ok) return null;
  const versions = parseIni(text.value).map((section) => valueOf(section, 'PRODUCT_VERSION'));
  return versions.find((version) => version !== null) ?? null;
}
