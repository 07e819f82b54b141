import { known, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import type { Fact } from '../specs.ts';
import { readIpsec } from './linux-associations.ts';
import { readBlock, withBlock } from './linux-block.ts';
import { readManual, withLiveIpsec } from './linux-manual.ts';
import { readNetworkManager } from './linux-networkmanager.ts';
import { readDialledInterfaces, readPppLinks, type PppLink } from './linux-ppp.ts';
import type { Profile } from './linux-profile.ts';

type VpnClient = Fact<'vpn-client'>;

const MAX_PROFILES = 100;

/** NetworkManager's profiles, clients set up by hand, and whatever L2TP session is live without either. */
export async function read(host: Host): Promise<Observed<VpnClient>> {
  const found = readPppLinks(host);
  const [ipsec, links, block, managed] = await Promise.all([
    readIpsec(host),
    found,
    readBlock(host),
    readNetworkManager(host, found),
  ]);
  if (managed !== null && 'why' in managed) return managed;
  const own = (managed ?? []).map((profile) => withLiveIpsec(profile, ipsec));
  const free = await freeLinks(host, links, own);
  const manual = await readManual(host, ipsec, free, new Set(own.map(({ id }) => id)));
  const backends = [
    managed === null ? null : 'networkmanager',
    ipsec.daemon,
    manual.some(({ backend }) => backend === 'xl2tpd') ? 'xl2tpd' : null,
  ];
  return known({
    backends: backends.filter((name) => name !== null),
    profiles: [...own, ...manual].slice(0, MAX_PROFILES).map((profile) => withBlock(profile, block)),
  });
}

/**
 * PPP links of L2TP sessions that NetworkManager has not brought up. Without the kernel's L2TP module a link may be
 * anything (DSL, a modem, an xl2tpd in user space): then only the absence of links is certain.
 */
async function freeLinks(
  host: Host,
  links: readonly PppLink[] | null,
  managed: readonly Profile[],
): Promise<readonly PppLink[] | null> {
  if (links === null || links.length === 0) return links;
  const dialled = await readDialledInterfaces(host);
  if (dialled === null) return null;
  const taken = new Set(managed.map((profile) => profile.interface));
  return links.filter(({ name }) => dialled.has(name) && !taken.has(name));
}
