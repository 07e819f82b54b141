import { systemextensionsctl } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { linesOf } from '../macos-values.ts';
import type { Product } from './macos-product.ts';
import { installedProduct } from './product.ts';

export type Extension = {
  category: string;
  team: string;
  version: string | null;
  /** Both stars and `[activated enabled]`; everything else waits, is switched off or on its way out. */
  enabled: boolean;
};

/** Apple's team identifiers of those who watch a Mac with an endpoint security extension. */
const VENDORS: Record<string, readonly [vendor: string, name: string]> = {
  X9E956P446: ['CrowdStrike', 'CrowdStrike Falcon'],
  '4AYE5J54KN': ['SentinelOne', 'SentinelOne'],
  UBF8T346G9: ['Microsoft', 'Microsoft Defender'],
  PXPZ95SK77: ['Palo Alto Networks', 'Cortex XDR'],
  '483DWKW443': ['Jamf', 'Jamf Protect'],
  '2H5GFH3774': ['Sophos', 'Sophos Endpoint'],
  P8DQRXPVLP: ['ESET', 'ESET Endpoint Security'],
  GUNFMW623Y: ['Bitdefender', 'Bitdefender Endpoint Security'],
  E8P47U2H32: ['Trend Micro', 'Trend Micro Security'],
  GVZRY6KDKX: ['Malwarebytes', 'Malwarebytes'],
  '7AGZNQ2S2T': ['Broadcom', 'Carbon Black Cloud'],
  GT8P3H7SPW: ['Trellix', 'Trellix Endpoint Security'],
  '2Y8XE5CQ94': ['Kaspersky', 'Kaspersky Endpoint Security'],
  '2BT3HPN62Z': ['Elastic', 'Elastic Defend'],
};

/**
 * Products known by their system extension alone. A running extension shows that the product runs, not that it
 * protects, so none of them is `active` by this.
 */
export async function readExtensionProducts(host: Host): Promise<Product[]> {
  const { stdout } = await host.run(systemextensionsctl, ['list']);
  return extensionProducts(parseExtensions(stdout));
}

export function extensionProducts(extensions: readonly Extension[]): Product[] {
  const security = extensions.filter(({ category }) => category.endsWith('.endpoint_security'));
  return Object.entries(VENDORS).flatMap(([team, [vendor, name]]) => {
    const rows = security.filter((extension) => extension.team === team);
    // During an upgrade the same extension is listed twice.
    const row = rows.find(({ enabled }) => enabled) ?? rows[0];
    if (!row) return [];
    return [{ ...installedProduct(vendor, name), version: row.version, running: row.enabled }];
  });
}

/** Tabs between the columns, or spaces where a capture was pasted: team, bundle and state are found by their form. */
const ROW = /^(.*?)\b([A-Z0-9]{10})\s+([\w.-]+) \(([^)/]*)[^)]*\)\s.*\[([a-z ]+)\]\s*$/;

/** `systemextensionsctl list`: a `--- category` line, a header, and a row for each extension. */
export function parseExtensions(text: string): Extension[] {
  const extensions: Extension[] = [];
  let category = '';
  for (const line of linesOf(text)) {
    category = /^--- (\S+)/.exec(line)?.[1] ?? category;
    const row = ROW.exec(line);
    if (!row) continue;
    const [, stars = '', team = '', , version, state] = row;
    const enabled = state === 'activated enabled' && stars.split('*').length === 3;
    extensions.push({ category, team, version: version || null, enabled });
  }
  return extensions;
}
