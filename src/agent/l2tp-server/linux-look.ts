import type { Fact } from '../../../collectors/specs.ts';
import type { Host } from '../../../collectors/check.ts';
import { read } from '../../../collectors/l2tp-server/linux.ts';
import { findProcesses, serviceOf } from '../../../collectors/linux-processes.ts';
import { parsePppol2tp } from '../../../collectors/vpn-client/linux-ppp.ts';
import { nft, ss } from '../../base/commands.ts';
import { readSessions } from '../vpn/linux-sessions.ts';
import { TABLE } from './linux-rules.ts';

/** What there is to know before and after. */
export type Look = {
  /** Null where it could not be read; `problem` says why. */
  fact: Fact<'l2tp-server'> | null;
  problem: string | null;
  /** Interfaces of clients that this server has in right now. */
  connected: string[];
  /** Services through which this computer is a client of another server right now; null among them: none of systemd's. */
  clientThrough: (string | null)[];
  /** Whether somebody can come in by SSH without this server; null where that cannot be seen. */
  ssh: boolean | null;
  /** Packets by which others began with UDP 1701 since it was closed; null where no rule of ours counts them. */
  attempts: number | null;
};

export async function look(host: Host): Promise<Look> {
  const [observed, connected, clientThrough, ssh, attempts] = await Promise.all([
    read(host),
    readConnected(host),
    readClients(host),
    readSsh(host),
    readAttempts(host),
  ]);
  const isKnown = observed.state === 'known';
  return {
    fact: isKnown ? observed.fact : null,
    problem: isKnown ? null : observed.detail,
    connected,
    clientThrough,
    ssh,
    attempts,
  };
}

/** Whom the kernel carries, and whom a daemon does by a pppd of its own where the kernel cannot. */
async function readConnected(host: Host): Promise<string[]> {
  const kernel = await host.readText('/proc/net/pppol2tp');
  return kernel.ok ? [...parsePppol2tp(kernel.value, 'LNS')] : [];
}

async function readClients(host: Host): Promise<(string | null)[]> {
  const { sessions } = await readSessions(host);
  return Promise.all(
    sessions.map(async ({ dialler }) => (dialler === null ? null : serviceOf(host, dialler.process.pid))),
  );
}

async function readSsh(host: Host): Promise<boolean | null> {
  const daemons = await findProcesses(host, new Set(['sshd']));
  const { code, stdout } = await host.run(ss, ['-H', '-ltn', 'sport = :22']);
  if (daemons === null || code !== 0) return null;
  return stdout.split('\n').some((line) => line !== '' && !/\s(?:127\.|\[::1\])/.test(line));
}

export async function readAttempts(host: Host): Promise<number | null> {
  const { code, stdout } = await host.run(nft, ['list', 'table', 'inet', TABLE]);
  const packets = /counter packets (\d+)/.exec(code === 0 ? stdout : '')?.[1];
  return packets === undefined ? null : Number(packets);
}
