import { ss } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { findSocketOwners } from '../linux-processes.ts';

/** A UDP socket that takes packets from anybody: bound and not connected. */
export type Listener = {
  address: string;
  port: number;
  /** The socket's number, where procfs told of it. */
  inode: number | null;
  process: string | null;
  pid: number | null;
  /** No process owns it; null when owners may not be seen. */
  kernel: boolean | null;
};

export const L2TP_PORT = 1701;

/** Null when neither procfs nor `ss` shows sockets. */
export async function readListeners(host: Host): Promise<Listener[] | null> {
  const bound = await fromProcfs(host);
  // Nobody there is the usual answer, and then costs no process.
  if (bound?.length === 0) return [];
  return (await fromSs(host)) ?? (bound && withOwners(host, bound));
}

async function fromProcfs(host: Host): Promise<Listener[] | null> {
  const [four, six] = await Promise.all([host.readText('/proc/net/udp'), host.readText('/proc/net/udp6')]);
  const tables = [four.ok ? parseProcNetUdp(four.value) : null];
  // Without IPv6 there is no second table.
  if (six.ok) tables.push(parseProcNetUdp(six.value));
  return tables.includes(null) ? null : tables.flatMap((table) => table ?? []);
}

/** State 07 is a bound socket, 01 a connected one; addresses are hexadecimal 32-bit words in the machine's byte order. */
const ROW =
  /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) \S+ \S+ \S+ +\d+ +\d+ (\d+) /;
const UNCONNECTED = '07';

/** Null when it is not that table. */
export function parseProcNetUdp(text: string): Listener[] | null {
  if (!/^\s*sl\s+local_address\s/.test(text)) return null;
  return text.split('\n').flatMap((line) => {
    const [, address = '', port = '', state, inode] = ROW.exec(line) ?? [];
    if (state !== UNCONNECTED || parseInt(port, 16) !== L2TP_PORT) return [];
    const owner = { process: null, pid: null, kernel: null };
    return [{ address: decodeAddress(address), port: L2TP_PORT, inode: Number(inode), ...owner }];
  });
}

/** Every processor that laptops have is little-endian. */
function decodeAddress(words: string): string {
  const bytes = Buffer.from(words, 'hex');
  const ordered = bytes.swap32();
  return ordered.length === 4 ? ordered.join('.') : compressV6(ordered);
}

function compressV6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  // The URL parser writes IPv6 addresses as RFC 5952 has them.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** Systems without iproute2: whoever has the socket open. Without root that is not to be seen. */
async function withOwners(host: Host, bound: readonly Listener[]): Promise<Listener[]> {
  const inodes = bound.flatMap(({ inode }) => inode ?? []);
  const owners = host.isRoot ? await findSocketOwners(host, inodes) : null;
  if (owners === null) return [...bound];
  return bound.map((listener) => {
    const owner = owners.get(listener.inode ?? 0);
    return {
      ...listener,
      process: owner?.name ?? null,
      pid: owner?.pid ?? null,
      kernel: owner === undefined,
    };
  });
}

async function fromSs(host: Host): Promise<Listener[] | null> {
  const filter = `sport = :${L2TP_PORT}`;
  for (const argv of [['-lunp', filter], ['-lunp'], ['-uanp', filter]]) {
    const { code, stdout } = await host.run(ss, ['-H', ...argv]);
    if (code === 0) return parseSs(stdout, host.isRoot);
  }
  return null;
}

const ANY_SS_ROW = /^[A-Z][A-Z0-9-]*\s+\d+\s+\d+\s+\S/;
const SS_ROW = /^UNCONN\s+\d+\s+\d+\s+(\S+):(\d+)\s+\S+(?:\s+users:\((.*)\))?/;
/** iproute2 before 4.0 wrote `("xl2tpd",187,3)`. */
const OWNER = /\("([^"]*)",(?:pid=)?(\d+)/;

/**
 * `ss -H -lunp`. A row without owner belongs to the kernel if owners may be seen (`seesOwners`), else to nobody knows
 * whom. Null when it is no list of sockets.
 */
export function parseSs(text: string, seesOwners: boolean): Listener[] | null {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.some((line) => !ANY_SS_ROW.test(line))) return null;
  return lines.flatMap((line) => {
    const [, address = '', port = '', users] = SS_ROW.exec(line) ?? [];
    if (Number(port) !== L2TP_PORT) return [];
    const [, process = null, pid] = OWNER.exec(users ?? '') ?? [];
    const kernel = process === null ? (seesOwners ? true : null) : false;
    const owner = { process, pid: pid ? Number(pid) : null, kernel };
    return [{ address: plainAddress(address), port: L2TP_PORT, inode: null, ...owner }];
  });
}

/** `*` is a socket for both families, `[::1]` and `0.0.0.0%eth0` carry more than the address. */
function plainAddress(text: string): string {
  return text === '*' ? '::' : text.replace(/^\[(.*)\]/, '$1').replace(/%.*$/, '');
}
