import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Status } from '../agent/status.ts';

/** One thing looked at: `todo` says what to do where something is wrong. */
export type Finding = { name: string; level: 'ok' | 'warn' | 'fail'; found: string; todo: string | null };

/** How the agent's hold on the VPN stands, by its own last word. */
export function vpnFindings(status: Status | string | null, now: number): Finding[] {
  if (status === null || typeof status === 'string' || status.vpn === null) return [];
  return [holdFinding(status.vpn), standingFinding(status, now)];
}

function holdFinding({ problem, observing, holders, driver }: NonNullable<Status['vpn']>): Finding {
  const name = 'VPN';
  if (problem !== null)
    return {
      name,
      level: 'fail',
      found: problem,
      todo: 'Put right what is said; the agent tries again by itself.',
    };
  if (observing !== null) {
    const todo = 'Set vpn.mode: enforce in the settings (as root) once orders are to be obeyed.';
    return { name, level: 'warn', found: `orders about it are not obeyed: ${observing}`, todo };
  }
  const held = holders.map(({ cause, reason }) => `${cause} (${reason})`).join(', ');
  return {
    name,
    level: 'ok',
    found: held === '' ? `allowed; driver ${driver}` : `held by ${held}`,
    todo: null,
  };
}

/** Past its time, the device judges by the shipped policy and takes nothing down by itself. */
function standingFinding({ standingUntil }: Status, now: number): Finding {
  const name = 'standing policy';
  if (standingUntil === null)
    return { name, level: 'ok', found: 'none yet: nothing is taken down without the server', todo: null };
  if (Date.parse(standingUntil) > now)
    return { name, level: 'ok', found: `in force until ${standingUntil}`, todo: null };
  const found = `expired ${standingUntil}: nothing is taken down without the server`;
  return { name, level: 'warn', found, todo: 'The server was out of reach for weeks; see below.' };
}

/** The way to an address, as the system would send: no packet leaves. Null where there is none. */
export async function interfaceTowards(address: string): Promise<string | null> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(9, address, resolve);
    });
    return interfaceWith(socket.address().address);
  } catch {
    return null;
  } finally {
    socket.close();
  }
}

function interfaceWith(local: string): string | null {
  const bare = local.replace(/%.*$/, '');
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    if (addresses?.some(({ address }) => address.replace(/%.*$/, '') === bare)) return name;
  }
  return null;
}

/** A tunnel of the agent's own VPN: by name on Linux and macOS, by what the agent saw anywhere. */
export function isTunnel(name: string, status: Status | string | null): boolean {
  const known = typeof status === 'object' ? (status?.vpn?.interfaces ?? []) : [];
  return /^ppp\d+$/.test(name) || known.includes(name);
}

/** A denied VPN would take the way to the server along: the device could never be let in again. */
export function throughTunnel(name: string, address: string): Finding {
  return {
    name: 'way to the server',
    level: 'fail',
    found: `${address} is reached through the VPN itself (${name})`,
    todo: 'Make the server reachable outside the tunnel (a public address, and no route to it through the VPN): once the VPN is denied, the device could not be let in again.',
  };
}
