/*
 * Who makes what. Security Center knows products by a display name and servers know them by a service; neither names
 * the vendor.
 */

/** By the start of the display name. Names are the vendor's own and are not translated, except Microsoft's. */
const VENDORS: readonly (readonly [RegExp, string])[] = [
  [/^(?:windows|microsoft) defender|^microsoft security essentials/i, 'Microsoft'],
  [/^bitdefender/i, 'Bitdefender'],
  [/^sentinel/i, 'SentinelOne'],
  [/^crowdstrike/i, 'CrowdStrike'],
  [/^cortex|^traps\b|^palo alto/i, 'Palo Alto Networks'],
  [/^(?:vmware )?carbon black|^cb defense/i, 'Carbon Black'],
  [/^cylance/i, 'Cylance'],
  [/^trellix|^mcafee/i, 'Trellix'],
  [/^sophos/i, 'Sophos'],
  [/^eset/i, 'ESET'],
  [/^kaspersky/i, 'Kaspersky'],
  [/^norton|^symantec/i, 'Gen Digital'],
  [/^avast/i, 'Avast'],
  [/^avg\b/i, 'AVG'],
  [/^avira/i, 'Avira'],
  [/^trend micro|^apex one/i, 'Trend Micro'],
  [/^malwarebytes/i, 'Malwarebytes'],
  [/^f-secure|^withsecure/i, 'WithSecure'],
  [/^panda|^watchguard/i, 'WatchGuard'],
  [/^webroot/i, 'Webroot'],
  [/^g data/i, 'G DATA'],
  [/^火绒|^huorong/i, 'Huorong'],
];

/** A product of an unknown vendor is its own vendor. */
export function vendorOf(displayName: string): string {
  return VENDORS.find(([start]) => start.test(displayName))?.[1] ?? displayName;
}

export type ServiceProduct = { vendor: string; name: string };

/** Products that protect as a Windows service of this name, in lower case. */
export const PRODUCT_OF_SERVICE: ReadonlyMap<string, ServiceProduct> = new Map([
  ['csfalconservice', { vendor: 'CrowdStrike', name: 'CrowdStrike Falcon' }],
  ['sentinelagent', { vendor: 'SentinelOne', name: 'Sentinel Agent' }],
  ['cyserver', { vendor: 'Palo Alto Networks', name: 'Cortex XDR' }],
  ['epsecurityservice', { vendor: 'Bitdefender', name: 'Bitdefender Endpoint Security' }],
  ['cbdefense', { vendor: 'Carbon Black', name: 'Carbon Black Cloud' }],
  ['cylancesvc', { vendor: 'Cylance', name: 'Cylance PROTECT' }],
  ['mfemms', { vendor: 'Trellix', name: 'Trellix Endpoint Security' }],
]);
