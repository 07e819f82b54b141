import { Resolver } from 'node:dns/promises';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import { probeL2tp } from '../../scan/probe.ts';

const PROBE_WAITS_MS = [300, 700];

/** Asks each own address that is not loopback, as a stranger would; at most a few. */
export async function answersHere(clock: Clock): Promise<boolean> {
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const addresses = own
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .map(({ address }) => address);
  const sending = { clock, waitsMs: PROBE_WAITS_MS, pace: async () => {} };
  const asked = ['127.0.0.1', ...addresses.slice(0, 8)].map((address) => probeL2tp(address, sending));
  return (await Promise.all(asked)).some(({ state }) => state === 'answered');
}

const PATIENCE_MS = 3_000;

/** Whether DNS answers at all, and the server's port: null where none is known. */
export async function worksHere(server: URL | null): Promise<Readonly<Record<string, boolean | null>>> {
  const [dns, http] = await Promise.all([dnsAnswers(), server === null ? null : opens(server)]);
  return { DNS: dns, HTTP: http };
}

/** Any answer counts: a resolver that knows no such name works. */
async function dnsAnswers(): Promise<boolean> {
  const resolver = new Resolver({ timeout: PATIENCE_MS, tries: 1 });
  return resolver.resolveNs('.').then(
    () => true,
    ({ code }: NodeJS.ErrnoException) => code === 'ENOTFOUND' || code === 'ENODATA' || code === 'ESERVFAIL',
  );
}

function opens({ hostname, port, protocol }: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const fallback = /^(?:https|wss):$/.test(protocol) ? 443 : 80;
    const socket = connect({ host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) || fallback });
    const end = (isOpen: boolean) => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.setTimeout(PATIENCE_MS, () => end(false));
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}
