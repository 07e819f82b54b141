import { BlockList, isIPv4, isIPv6 } from 'node:net';
import type { Alias } from './redact-aliases.ts';

/*
 * Addresses that lead to somebody: public IP addresses, those made from a network card's own, MAC and e-mail addresses.
 * Stand-ins come from the ranges set aside for documentation (RFC 5737, 3849, 7042, 2606).
 */

/** `context.versions`: numbers with four parts are versions here, not addresses. */
export type AddressContext = { versions: boolean; socketTable: boolean };

export function redactAddresses(text: string, context: AddressContext, alias: Alias): string {
  const sockets = context.socketTable ? redactSocketTable(text, alias) : text;
  const mail = redactMail(sockets, alias);
  return redactIpv4(redactIpv6(redactMac(mail, alias), alias), context.versions, alias);
}

/** `getty@tty1.service` is a unit of systemd, not a person. */
const UNIT = /\.(?:service|socket|slice|target|timer|mount|device|path|scope|swap)$/i;
const MAIL = /(?<![\w.+-])[\w.+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?![\w-])/gi;

function redactMail(text: string, alias: Alias): string {
  return text.replace(MAIL, (found) =>
    UNIT.test(found)
      ? found
      : alias('address', 'mail', found.toLowerCase(), (number) => `person${number}@example.com`),
  );
}

const MAC = /(?<![0-9a-f:.-])[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}(?![0-9a-f:-])/gi;

function redactMac(text: string, alias: Alias): string {
  return text.replace(MAC, (found, separator: string) => {
    const digits = found.toLowerCase().replaceAll(/[:-]/g, '');
    if (/^(?:0{12}|f{12})$/.test(digits)) return found;
    return alias('address', 'mac', digits, macFor).replaceAll(':', separator);
  });
}

/** 00:00:5E:00:53:00 to FF are for documentation; beyond them, locally administered ones. */
function macFor(number: number): string {
  const hex = number.toString(16).padStart(6, '0');
  const last = hex.match(/../g)?.join(':') ?? '';
  return number <= 0xff ? `00:00:5e:00:53:${hex.slice(4)}` : `02:00:00:${last}`;
}

const IPV4 = /(?<![\w.]|[A-Za-z]-)(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d|-[A-Za-z])/g;
/** What stands before a version; nothing numeric may come between. */
const VERSION_BEFORE = /(?:version|release|build|engine|signatures?|definitions?)[^\d\n]{0,24}$/i;
const LOOK_BEHIND = 60;

function redactIpv4(text: string, versions: boolean, alias: Alias): string {
  return text.replace(IPV4, (found, at: number) => {
    const isVersion = versions || VERSION_BEFORE.test(text.slice(Math.max(0, at - LOOK_BEHIND), at));
    return isVersion ? found : publicIpv4(found, alias);
  });
}

function publicIpv4(address: string, alias: Alias): string {
  return isIPv4(address) && !ANYBODYS.check(address) ? alias('address', 'ipv4', address, ipv4For) : address;
}

/** Private networks, netmasks and the addresses of no one tell nothing about their owner. */
const ANYBODYS = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['224.0.0.0', 3],
] as const)
  ANYBODYS.addSubnet(network, bits);
// The upper half of the default route, as VPNs split it.
ANYBODYS.addAddress('128.0.0.0');

const DOCUMENTATION = ['192.0.2', '198.51.100', '203.0.113'];

/** Beyond the documentation ranges, the one for benchmarks (RFC 2544). */
function ipv4For(number: number): string {
  const index = number - 1;
  const range = DOCUMENTATION[Math.floor(index / 254)];
  if (range !== undefined) return `${range}.${(index % 254) + 1}`;
  return `198.${18 + ((index >> 16) & 1)}.${(index >> 8) & 0xff}.${index & 0xff}`;
}

const IPV6 = /(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:]|\.\d)/gi;

function redactIpv6(text: string, alias: Alias): string {
  return text.replace(IPV6, (found) => (isIPv6(found) ? ownIpv6(found, alias) : found));
}

/** Public ones, and those that hold a network's random number or a card's own address. */
function ownIpv6(address: string, alias: Alias): string {
  const groups = groupsOf(address);
  const [first = 0, ...others] = groups;
  const prefix = others.every((group) => group === 0) ? null : prefixFor(first, groups);
  if (prefix === null) return address;
  const key = groups.map((group) => group.toString(16)).join(':');
  return alias('address', 'ipv6', key, (number) => `${prefix}${number.toString(16)}`);
}

function prefixFor(first: number, groups: readonly number[]): string | null {
  if (first >> 13 === 1) return '2001:db8::';
  if (first >> 6 === 0xfe80 >> 6) return 'fe80::';
  if (first >> 9 === 0xfc00 >> 9) return 'fd00::';
  // Solicited-node multicast repeats the end of a card's address.
  return first === 0xff02 && groups[5] === 1 && (groups[6] ?? 0) >> 8 === 0xff ? 'ff02::1:ff00:' : null;
}

/** The eight numbers of an address without an IPv4 tail. */
function groupsOf(address: string): number[] {
  const [before = '', after] = address.split('::');
  const head = before.split(':').filter((group) => group !== '');
  const tail = (after ?? '').split(':').filter((group) => group !== '');
  const gap = after === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array<string>(gap).fill('0'), ...tail].map((group) => Number.parseInt(group, 16));
}

/** /proc/net/udp and its kin: `0100007F:06A5`, words of four bytes in the machine's own order. */
function redactSocketTable(text: string, alias: Alias): string {
  return text.replace(/\b([0-9A-F]{8}|[0-9A-F]{32})(?=:[0-9A-F]{4}\b)/g, (found) => {
    const bytes = swapWords(Buffer.from(found, 'hex'));
    return swapWords(redactedBytes(bytes, alias)).toString('hex').toUpperCase();
  });
}

function redactedBytes(bytes: Buffer, alias: Alias): Buffer {
  if (bytes.length === 4) return Buffer.from(publicIpv4(bytes.join('.'), alias).split('.').map(Number));
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  const redacted = Buffer.alloc(16);
  groupsOf(ownIpv6(groups.join(':'), alias)).forEach((group, index) =>
    redacted.writeUInt16BE(group, index * 2),
  );
  return redacted;
}

/** Little-endian, as every computer that this runs on. */
function swapWords(bytes: Buffer): Buffer {
  return Buffer.from(bytes).swap32();
}
