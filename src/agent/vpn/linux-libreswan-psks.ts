import type { Host } from '../../../collectors/check.ts';
import { ip, ipsec } from '../../base/commands.ts';

/**
 * Whether Libreswan holds another pre-shared key beside ours (`%any GATEWAY`, one for each of these addresses) that it
 * would take for the gateway in its place or as soon: of those that suit equally it takes the one that it read first,
 * and never says which it took.
 */
export async function hasRivalPsk(host: Host, gateways: readonly string[]): Promise<boolean> {
  const [listed, locals] = await Promise.all([
    host.run(ipsec, ['whack', '--listpsks']),
    localAddresses(host, gateways),
  ]);
  const suiting = parsePsks(listed.stdout).filter((ids) => suitsAsWell(ids, { gateways, locals }));
  return suiting.length > gateways.length;
}

/** `ipsec whack --listpsks` (4.10), lines `000     1: PSK 203.0.113.1 %any`: for whom each key is. */
export function parsePsks(text: string): string[][] {
  return text.split('\n').flatMap((line) => {
    const identities = /^000 +\d+: PSK\b(.*)$/.exec(line)?.[1];
    return identities === undefined ? [] : [identities.split(/\s+/).filter((word) => word !== '')];
  });
}

const ANYBODY = ['%any', '%any6', '0.0.0.0', '::'];

/**
 * A key for this end outranks one for the other end alone, and both one for anybody. A key for this end and another
 * peer is none for this gateway.
 */
export function suitsAsWell(
  identities: readonly string[],
  { gateways, locals }: { gateways: readonly string[]; locals: readonly string[] },
): boolean {
  if (identities.some((one) => gateways.includes(one))) return true;
  const isHere = identities.some((one) => locals.includes(one));
  return isHere && identities.every((one) => ANYBODY.includes(one) || locals.includes(one));
}

/** From where this computer would send to the gateway. */
async function localAddresses(host: Host, gateways: readonly string[]): Promise<string[]> {
  const routes = await Promise.all(gateways.map((gateway) => host.run(ip, ['route', 'get', gateway])));
  return routes.flatMap(({ stdout }) => / src (\S+)/.exec(stdout)?.[1] ?? []);
}
