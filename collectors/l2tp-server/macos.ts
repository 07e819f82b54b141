import { launchctl, lsof, macNetstat } from '../../src/base/commands.ts';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { readProcessNames } from '../macos-processes.ts';
import { readPlist } from '../macos-read.ts';
import { at, itemsOf, textOf } from '../macos-values.ts';
import { parseRunningJobs, readServerJobs, type ServerJob } from './macos-jobs.ts';
import { listenersOf, parseLsof, parseNetstat, type Listener } from './macos-sockets.ts';
import type { L2tpServer } from './spec.ts';

const CONFIGURATION = '/Library/Preferences/SystemConfiguration/com.apple.RemoteAccessServers.plist';

/** What each source says; null where it did not answer. */
export type Evidence = {
  /** Active L2TP servers in Apple's own configuration. */
  configured: readonly string[] | null;
  jobs: readonly ServerJob[];
  runningJobs: ReadonlySet<string> | null;
  processes: readonly string[] | null;
  bound: readonly string[] | null;
  listening: readonly Listener[];
};

export async function read(host: Host): Promise<Observed<L2tpServer>> {
  const evidence = await gather(host);
  const services = servicesOf(evidence);
  const isServer = services.some(({ role, start }) => role === 'server' && start !== 'disabled');
  if (!isServer && evidence.configured === null) {
    return unknown('unparsable', `${CONFIGURATION} could not be read`);
  }
  if (!isServer && !evidence.processes && !evidence.runningJobs && !evidence.bound) {
    return unknown('failed', 'Neither processes, nor jobs, nor sockets could be listed.');
  }
  return known({
    listening: evidence.listening.slice(0, 50),
    services: services.slice(0, 50),
    verdict: isServer ? 'server' : isClient(evidence) ? 'client-only' : 'none',
  });
}

async function gather(host: Host): Promise<Evidence> {
  const names = await readProcessNames(host);
  const bound = parseNetstat((await host.run(macNetstat, ['-an', '-p', 'udp'])).stdout);
  const files = await host.run(lsof, ['-nP', '-iUDP:1701', '-F', 'pcn']);
  // Without root `lsof` sees its own user's files only. Exit 1 with nothing said: nobody has such a socket.
  const owners = files.failure === null && host.isRoot ? parseLsof(files.stdout) : null;
  return {
    configured: await readConfigured(host),
    jobs: await readServerJobs(host),
    runningJobs: parseRunningJobs((await host.run(launchctl, ['list'])).stdout),
    processes: Array.isArray(names) ? names : null,
    bound,
    listening: listenersOf(bound ?? [], owners),
  };
}

async function readConfigured(host: Host): Promise<string[] | null> {
  const list = await readPlist(host, CONFIGURATION);
  if (list.ok) return parseConfigured(list.value);
  return list.error === 'missing' ? [] : null;
}

/** vpnd(5): `ActiveServers` names entries of `Servers`, each with the protocol it speaks. */
export function parseConfigured(list: unknown): string[] {
  const active = itemsOf(at(list, 'ActiveServers')).flatMap((id) => textOf(id) ?? []);
  return active.filter(
    (id) => id === 'com.apple.ppp.l2tp' || at(list, 'Servers', id, 'Interface', 'SubType') === 'L2TP',
  );
}

type Service = L2tpServer['services'][number];

/** Each job that serves; a configuration or a process that no job accounts for stands by its own name. */
export function servicesOf(evidence: Evidence): Service[] {
  const engine = runningEngine(evidence);
  const jobs = evidence.jobs.map(({ label, start }): Service => {
    const isRunning = engine !== null || evidence.runningJobs?.has(label) === true;
    return { name: label, state: stateOf(isRunning), start, role: 'server' };
  });
  const configured = (evidence.configured ?? [])
    .filter((id) => !jobs.some(({ name }) => name === id))
    .map((name): Service => ({ name, state: stateOf(engine !== null), start: 'manual', role: 'server' }));
  const services = [...jobs, ...configured];
  if (engine === null || services.length > 0) return services;
  return [{ name: engine, state: 'running', start: 'manual', role: 'server' }];
}

function stateOf(isRunning: boolean): Service['state'] {
  return isRunning ? 'running' : 'stopped';
}

/** Apple's engine does nothing but serve; SoftEther's serves L2TP only where it has the port. */
function runningEngine({ processes, listening }: Evidence): string | null {
  if (processes?.includes('vpnd')) return 'vpnd';
  return listening.some(({ owner }) => owner.process === 'vpnserver') ? 'vpnserver' : null;
}

/** A bound port with a PPP daemon, or a third party's client daemon. */
function isClient({ listening, bound, processes }: Evidence): boolean {
  if (listening.some(({ owner }) => owner.process !== null)) return true;
  return (bound ?? []).length > 0 && processes?.includes('pppd') === true;
}
