import { BlockList, isIP, isIPv6 } from 'node:net';
import { parseIp, stringifyIp } from 'ip-bigint';
import { err, ok, type Result } from '../base/result.ts';

/** An address to ask, and what the caller called it. */
export type Target = { address: string; name: string };

/** Above this the caller is asked first. */
export const ASK_ABOVE = 256;
export const MAX_TARGETS = 65_536;

/** A network of an interface of this computer. */
export type OwnNetwork = { address: string; cidr: string | null };

export type Resolve = (name: string) => Promise<readonly string[]>;

const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?$/i;

/**
 * Addresses, networks (CIDR) and host names, each address once, in the caller's order. A network's own and its
 * broadcast address are left out where it is one of this computer's. The error is a sentence for the caller.
 */
export async function targetsOf(
  words: readonly string[],
  resolve: Resolve,
  own: readonly OwnNetwork[],
): Promise<Result<Target[], string>> {
  const found = new Map<string, Target>();
  for (const word of words) {
    const addresses = await addressesOf(word, resolve, own);
    if (!addresses.ok) return addresses;
    for (const address of addresses.value)
      if (!found.has(address)) found.set(address, { address, name: word });
    if (found.size > MAX_TARGETS) return err(tooMany(word));
  }
  return ok([...found.values()]);
}

/** One host or network a line; `#` starts a comment. */
export function wordsIn(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
}

async function addressesOf(
  word: string,
  resolve: Resolve,
  own: readonly OwnNetwork[],
): Promise<Result<string[], string>> {
  if (word.includes('/')) return expand(word, own);
  if (isIP(word) !== 0) return one(word);
  // Digits and dots alone would be read as an address by some resolvers: 10.1 as 10.0.0.1.
  if (!HOST_NAME.test(word) || /^[\d.]+$|^0x/i.test(word))
    return err(`${quoted(word)} is neither a host, nor an address, nor a network.`);
  const addresses = await resolve(word).catch(() => []);
  if (addresses.length === 0) return err(`${quoted(word)} has no address.`);
  const all = addresses.map(one);
  const wrong = all.find((answer) => !answer.ok);
  return wrong ?? ok(all.flatMap((answer) => (answer.ok ? answer.value : [])));
}

/** One spelling for each address. */
function one(address: string): Result<string[], string> {
  const zone = /%.*/.exec(address)?.[0] ?? '';
  const { number, version } = parseIp(address.replace(/%.*/, ''));
  const plain = stringifyIp({ number, version });
  return isHost(plain) ? ok([`${plain}${zone}`]) : err(`${quoted(address)} is no address of one host.`);
}

function expand(word: string, own: readonly OwnNetwork[]): Result<string[], string> {
  const [base = '', bits = '', ...more] = word.split('/');
  const family = isIP(base);
  const width = family === 6 ? 128 : 32;
  if (more.length > 0 || family === 0 || !/^\d{1,3}$/.test(bits) || Number(bits) > width)
    return err(`${quoted(word)} is no network, such as 192.0.2.0/24.`);
  const size = 1n << BigInt(width - Number(bits));
  if (size > BigInt(MAX_TARGETS)) return err(tooMany(word));
  const { number, version } = parseIp(base);
  const first = number - (number % size);
  const all = Array.from({ length: Number(size) }, (_, index) =>
    stringifyIp({ number: first + BigInt(index), version }),
  );
  const wrong = all.find((address) => !isHost(address));
  if (wrong !== undefined) return err(`${quoted(word)} holds ${wrong}, which is no address of one host.`);
  const edges = new Set(own.flatMap(edgesOf));
  return ok(all.filter((address) => !edges.has(address)));
}

/** The network's own and the broadcast address, where it has them. */
function edgesOf({ cidr }: OwnNetwork): string[] {
  const [base = '', bits = '32'] = (cidr ?? '').split('/');
  if (isIP(base) !== 4 || Number(bits) > 30) return [];
  const size = 1n << BigInt(32 - Number(bits));
  const { number, version } = parseIp(base);
  const first = number - (number % size);
  return [first, first + size - 1n].map((edge) => stringifyIp({ number: edge, version }));
}

const nobody = new BlockList();
nobody.addSubnet('0.0.0.0', 8, 'ipv4');
nobody.addSubnet('224.0.0.0', 4, 'ipv4');
nobody.addAddress('255.255.255.255', 'ipv4');
nobody.addAddress('::', 'ipv6');
nobody.addSubnet('ff00::', 8, 'ipv6');

/** Not a group, not everybody, not nobody. */
function isHost(address: string): boolean {
  return !nobody.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function tooMany(word: string): string {
  return `With ${quoted(word)} that is more than ${MAX_TARGETS} addresses; ask about fewer at a time.`;
}

function quoted(word: string): string {
  return JSON.stringify(word.slice(0, 100));
}
