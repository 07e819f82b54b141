import { isIP } from 'node:net';
import type { Host } from '../../../collectors/check.ts';
import { getent } from '../../base/commands.ts';

/** Milliseconds for a name that nobody answers for. */
const RESOLVE_TIMEOUT_MS = 2_000;
const MAX_ADDRESSES = 16;

/** Addresses of a gateway, which may be one already; empty when its name leads nowhere. */
export async function addressesOf(host: Host, gateway: string): Promise<string[]> {
  if (isIP(gateway)) return [gateway];
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/.test(gateway)) return [];
  const answer = await host.run(getent, ['ahosts', gateway], { timeoutMs: RESOLVE_TIMEOUT_MS });
  return answer.code === 0 ? parseAhosts(answer.stdout) : [];
}

/** Lines `203.0.113.1  STREAM vpn.example.test`, each address once per kind of socket. */
export function parseAhosts(text: string): string[] {
  const addresses = text.split('\n').map((line) => line.split(/\s/)[0] ?? '');
  return [...new Set(addresses.filter((address) => isIP(address) !== 0))].slice(0, MAX_ADDRESSES);
}
