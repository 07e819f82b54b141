import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { isMissing } from '../base/atomic-file.ts';

/**
 * The user at the other end of a connection over 127.0.0.1, by the kernel's table: null where it has no row for it,
 * `unsupported` where this system has no such table.
 */
export async function peerUid({
  remotePort,
  localPort,
}: Pick<Socket, 'remotePort' | 'localPort'>): Promise<number | null | 'unsupported'> {
  try {
    return uidIn(await readFile('/proc/net/tcp', 'latin1'), remotePort ?? 0, localPort ?? 0);
  } catch (error) {
    if (isMissing(error)) return 'unsupported';
    return null;
  }
}

const LOOPBACK = '0100007F';

/** Pure. The row of the client's own end: its port is the local one there, ours the remote one. */
export function uidIn(table: string, client: number, server: number): number | null {
  const from = `${LOOPBACK}:${hex(client)}`;
  const to = `${LOOPBACK}:${hex(server)}`;
  for (const line of table.split('\n')) {
    const [, local, remote, , , , , uid] = line.trim().split(/\s+/);
    if (local === from && remote === to && /^\d+$/.test(uid ?? '')) return Number(uid);
  }
  return null;
}

function hex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0');
}
