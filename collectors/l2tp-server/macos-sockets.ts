import { linesOf, matchLine } from '../macos-values.ts';
import type { L2tpServer } from './spec.ts';

export type Listener = L2tpServer['listening'][number];

const PORT = 1701;

/** `netstat -an -p udp`: `udp4 0 0 *.1701 *.*`. Addresses of sockets that wait for anyone; null without the table. */
export function parseNetstat(text: string): string[] | null {
  if (!matchLine(text, /^(?:Active Internet connections|Proto\b|udp\S*\s)/)) return null;
  return linesOf(text).flatMap((line) => {
    const row = /^udp\S*\s+\d+\s+\d+\s+(\S+)\.1701\s+\*\.\*/.exec(line);
    return row ? [row[1] ?? '*'] : [];
  });
}

/** `lsof -F pcn`: a line each for process id, command and socket. `->` in a socket's name is a client's connection. */
export function parseLsof(text: string): { process: string; address: string }[] {
  let process = '';
  return linesOf(text).flatMap((line) => {
    if (line.startsWith('p')) process = '';
    if (line.startsWith('c')) process = line.slice(1, 100);
    const socket = /^n(.+):1701$/.exec(line);
    return socket && process !== '' && !line.includes('->') ? [{ process, address: socket[1] ?? '*' }] : [];
  });
}

/**
 * Apple's L2TP opens its socket inside the kernel, so that no process shows it. Where the open files could be read
 * and none of them is the socket, it is the kernel's.
 */
export function listenersOf(
  bound: readonly string[],
  owners: readonly { process: string; address: string }[] | null,
): Listener[] {
  const owned = (owners ?? []).map(({ process, address }) => ({
    address,
    port: PORT,
    owner: { process, service: null, kernel: false },
  }));
  if (owned.length > 0) return owned;
  return bound.map((address) => ({
    address,
    port: PORT,
    owner: { process: null, service: null, kernel: owners === null ? null : true },
  }));
}
