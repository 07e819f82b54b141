import { getServers } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { NO_QUESTIONS, type Host, type Platform } from '../../collectors/check.ts';
import type { VpnParts, VpnWays } from './agent.ts';
import { openCertificateStore } from './certificate/open.ts';
import { openCredentialProfiles } from './credential/open.ts';
import { createHost } from './host.ts';
import type { Isolating } from './isolation-hold.ts';
import { openL2tpServer } from './l2tp-server/open.ts';
import { loadIsolation } from './vpn/isolation-open.ts';
import { reachFor, resolversOf } from './vpn/isolation-reach.ts';
import type { Isolation } from './vpn/isolation.ts';
import { openVpn } from './vpn/open-vpn.ts';

/** The ways to this very computer's VPN client and network. */
export async function openWays(platform: Platform, parts: VpnParts): Promise<VpnWays> {
  const host = createHost({ self: parts.self, questions: NO_QUESTIONS, platform });
  const vpn = await openVpn(platform, { ...parts, host });
  const isolation = isolating(await loadIsolation(platform, host), host, parts);
  const l2tpServer = openL2tpServer(platform, { ...parts, host, server: parts.connectsTo });
  const certificates = await openCertificateStore(platform, { ...parts, host });
  const credentials = await openCredentialProfiles(platform, { ...parts, host });
  return { vpn, isolation, l2tpServer, certificates, credentials, isRoot: host.isRoot };
}

/** Isolation in which the server and those whom the policy names stay reachable. */
function isolating(isolation: Isolation, host: Host, parts: VpnParts): Isolating {
  const addressesOf = rememberingLookup();
  return {
    inspect: () => isolation.inspect(),
    async apply() {
      const connectsTo = await parts.connectsTo();
      const { want, unresolved } = await reachFor({
        connectsTo: connectsTo === null ? [] : [connectsTo],
        named: parts.reachable(),
        resolvers: await resolversOf(getServers(), host),
        lookup: addressesOf,
      });
      if (unresolved.length > 0) parts.log.warn({ unresolved }, 'in isolation some names have no address');
      return isolation.apply(want);
    },
    lift: () => isolation.lift(),
  };
}

/** A name that has no answer now keeps the addresses of the last one: the server must not be lost with its DNS. */
function rememberingLookup(): (name: string) => Promise<readonly string[]> {
  const known = new Map<string, readonly string[]>();
  return async (name) => {
    try {
      const found = (await lookup(name, { all: true })).map(({ address }) => address);
      known.set(name, found);
      return found;
    } catch (error) {
      const before = known.get(name);
      if (before === undefined) throw error;
      return before;
    }
  };
}
