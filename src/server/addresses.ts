import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, SocketAddress } from 'node:net';

/** An IP address in the one form in which it is compared, or null for what is none. */
export function normalAddress(text: string): string | null {
  const bare = text.trim().replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
  const family = isIP(bare);
  if (family === 0) return null;
  return family === 4 ? bare : new SocketAddress({ address: bare, family: 'ipv6' }).address;
}

/** Tells where a request comes from: the peer, or what a trusted proxy says of it. */
export type AddressReader = (request: IncomingMessage) => string;

/** `trusted` are addresses and networks (CIDR), as `isNetwork` has them. */
export function createAddressReader(trusted: readonly string[]): AddressReader {
  const proxies = blockListOf(trusted);
  const isTrusted = (address: string) => isIn(address, proxies);
  return (request) => {
    let address = normalAddress(request.socket.remoteAddress ?? '') ?? 'unknown';
    // From the nearest hop outwards, for as long as each hop is one of ours.
    for (const hop of forwardedFor(request).toReversed()) {
      if (!isIP(address) || !isTrusted(address)) return address;
      address = normalAddress(hop) ?? address;
    }
    return address;
  };
}

/** Whether an address is one of these, or in one of these networks. */
export function isWithin(address: string, networks: readonly string[]): boolean {
  return isIP(address) !== 0 && isIn(address, blockListOf(networks));
}

function isIn(address: string, list: BlockList): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function forwardedFor(request: IncomingMessage): string[] {
  const header = request.headers['x-forwarded-for'];
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  return text.split(',').filter((part) => part.trim() !== '');
}

/** Whether a text is an address or a network (CIDR). */
export function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  if (rest.length > 0 || isIP(address) === 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIP(address) === 6 ? 128 : 32));
}

function blockListOf(trusted: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of trusted) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
