import type { Host, Output } from '../../../collectors/check.ts';
import { ABOUT_ALL } from '../../../collectors/vpn-client/linux-networkmanager.ts';
import { ip, ipsec, nmcli, swanctl, type Command } from '../../base/commands.ts';
import { listProcesses, type Process } from './linux-processes.ts';
import { readPppInterfaces } from './linux-sessions.ts';

/** charon under each of its names, what starts it, and Libreswan's. */
const IKE_DAEMONS = new Set(['charon', 'charon-systemd', 'charon-cmd', 'starter', 'pluto']);

/** Whether an IKE daemon runs; true where /proc does not tell. */
export async function hasIkeDaemon(host: Host): Promise<boolean> {
  return runs(await listProcesses(host), IKE_DAEMONS);
}

function runs(processes: readonly Process[], names: ReadonlySet<string>): boolean {
  return processes.length === 0 || processes.some(({ name }) => names.has(name));
}

/** A question to a program, and what it would say. */
export type Answer = readonly [Command, readonly string[], Promise<Output>];

/**
 * What programs would say that find nobody to ask: each takes its time for that, and /proc and /sys tell it at once.
 * Nothing where they do not.
 */
export async function answersOfAbsent(host: Host): Promise<Answer[]> {
  const [processes, links, strongswan] = await Promise.all([
    listProcesses(host),
    readPppInterfaces(host),
    host.status(swanctl.path),
  ]);
  return [
    // Where Libreswan is installed its own command tells more than that there is no daemon.
    ...(strongswan.ok && !runs(processes, IKE_DAEMONS) ? NO_IKE : []),
    ...(runs(processes, new Set(['NetworkManager'])) ? [] : NO_MANAGER),
    ...(links === null || links.length > 0 ? [] : NO_LINKS),
  ];
}

const NO_IKE: readonly Answer[] = [
  [swanctl, ['--list-sas', '--raw'], saying({ code: 2, stderr: 'No such file or directory' })],
  [swanctl, ['--list-conns', '--raw'], saying({ code: 2, stderr: 'No such file or directory' })],
  [ipsec, ['statusall'], saying({ code: 3 })],
  [ipsec, ['trafficstatus'], saying({ code: 1 })],
];

const NO_MANAGER: readonly Answer[] = [
  [nmcli, ABOUT_ALL, saying({ code: 8, stderr: 'NetworkManager is not running.' })],
];

const NO_LINKS: readonly Answer[] = [[ip, ['-j', 'addr'], saying({ stdout: '[]' })]];

/** An answer that no program has to be started for. */
export function saying({ code = 0, stdout = '', stderr = '' }: Partial<Output>): Promise<Output> {
  return Promise.resolve({ code, stdout, stderr, failure: null });
}
