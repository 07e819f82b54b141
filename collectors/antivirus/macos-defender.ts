import type { Output } from '../check.ts';
import { readMdatpHealth, type MdatpHealth } from '../macos-mdatp.ts';
import { epochTimeOf, flagOf, itemsOf, textOf } from '../macos-values.ts';
import type { Product, ProductReader } from './macos-product.ts';
import { installedProduct } from './product.ts';

const VENDOR = 'Microsoft';
const NAME = 'Microsoft Defender';

export const readDefender: ProductReader = async (host) => {
  const health = await readMdatpHealth(host);
  if (!health) return null;
  return health.ok ? defenderProduct(health.value) : silentDefender(health.error);
};

/** The tool is there, but the daemon behind it gave no health. */
function silentDefender({ stdout, stderr }: Output): Product {
  const isDown = /could not connect|not running|cannot connect/i.test(`${stdout}\n${stderr}`);
  return { ...installedProduct(VENDOR, NAME), running: isDown ? false : null, mode: isDown ? 'off' : null };
}

export function defenderProduct(health: MdatpHealth): Product {
  const flag = (key: string) => flagOf(health.get(key));
  return {
    ...installedProduct(VENDOR, NAME),
    version: textOf(health.get('appVersion')),
    // The daemon is what answers.
    running: true,
    realtime: both(flag('realTimeProtectionEnabled'), flag('realTimeProtectionAvailable')),
    mode: modeOf(flag),
    definitionsVersion: textOf(health.get('definitionsVersion')),
    // Only the JSON form has a number; the text form's date is in the user's own format.
    definitionsAt: epochTimeOf(health.get('definitionsUpdated')),
    upToDate: isUpToDate(textOf(health.get('definitionsStatus'))),
    tamperProtection: isTamperProtected(textOf(health.get('tamperProtection'))),
    health: itemsOf(health.get('healthIssues'))
      .flatMap((issue) => textOf(issue)?.slice(0, 100) ?? [])
      .slice(0, 50),
  };
}

/** Enabled says what was wanted, available what works; without a licence or full disk access neither helps. */
function modeOf(flag: (key: string) => boolean | null): Product['mode'] {
  if (flag('passiveModeEnabled') === true) return 'passive';
  if (flag('realTimeProtectionEnabled') === false) return 'off';
  const needed = ['licensed', 'realTimeProtectionEnabled', 'realTimeProtectionAvailable'];
  const never = ['healthy', 'fullDiskAccessEnabled'];
  const works = needed.every((key) => flag(key) === true) && never.every((key) => flag(key) !== false);
  return works ? 'active' : null;
}

function both(one: boolean | null, other: boolean | null): boolean | null {
  if (one === false || other === false) return false;
  return one === null || other === null ? null : true;
}

/** `upToDate` in JSON, `up_to_date` in text. */
function isUpToDate(status: string | null): boolean | null {
  const word = status?.replaceAll('_', '').toLowerCase();
  if (word === 'uptodate') return true;
  return word === 'outofdate' ? false : null;
}

/** `audit` only writes down what it would have blocked. */
function isTamperProtected(level: string | null): boolean | null {
  if (level === 'block') return true;
  return level === 'audit' || level === 'disabled' ? false : null;
}
