import { ip } from '../../src/base/commands.ts';
import { known, unknown, type Observed } from '../../src/base/reading.ts';
import type { Host } from '../check.ts';
import { findProcesses, serviceOf } from '../linux-processes.ts';
import { acceptsAnybody, type Role } from './linux-config.ts';
import { daemons, roleOf, type Daemon } from './linux-daemons.ts';
import { packageOf } from './linux-package.ts';
import { installed, readService, type Service } from './linux-services.ts';
import { readListeners, type Listener } from './linux-sockets.ts';
import type { L2tpServer } from './spec.ts';

/** A daemon that runs, with what it is set up to do. */
type Instance = { daemon: Daemon; role: Role | 'denied' };

export async function read(host: Host): Promise<Observed<L2tpServer>> {
  const listeners = await readListeners(host);
  if (listeners === null) return unknown('failed', 'neither /proc/net/udp nor ss shows UDP sockets');
  const services = await readServices(host);
  const instances = await readInstances(host, listeners, services);
  const verdict = await judge(host, listeners, instances);
  if (verdict === 'unseen') return notSeen(host);
  const packages = await readPackages(host, [...services, ...instances]);
  const listening = await Promise.all(
    listeners.map((listener) => describeListener(host, listener, packages)),
  );
  return known({
    listening: listening.slice(0, 50),
    services: services.map(({ service, role, daemon }) => ({
      ...service,
      role: role === 'denied' ? 'unknown' : role,
      ...packages.get(daemon.process),
    })),
    verdict,
  });
}

function notSeen(host: Host): Observed<never> {
  const detail = 'who holds UDP 1701, or what it is set up for, cannot be seen';
  return host.isRoot ? unknown('not-installed', `${detail}: ss is not there`) : unknown('denied', detail);
}

type KnownService = Instance & { service: Service };

async function readServices(host: Host): Promise<KnownService[]> {
  const candidates = await installed(host, daemons);
  const services = await Promise.all(
    candidates.map(async (daemon) => {
      const service = await readService(host, daemon);
      return service && { daemon, service, role: await roleOf(host, daemon, null) };
    }),
  );
  return services.filter((service) => service !== null);
}

/** By their processes; where those cannot be listed, by the owners of sockets and by their services. */
async function readInstances(
  host: Host,
  listeners: readonly Listener[],
  services: readonly KnownService[],
): Promise<Instance[]> {
  const names = new Set(daemons.map(({ process }) => process));
  const processes = await findProcesses(host, names);
  const owners = listeners.map(({ process, pid }) => ({ name: process, pid }));
  const running = [...owners, ...(processes ?? [])].flatMap(({ name, pid }) => {
    const daemon = daemons.find(({ process }) => process === name);
    return daemon ? [{ daemon, pid }] : [];
  });
  const instances = running.map(async ({ daemon, pid }) => ({
    daemon,
    role: await roleOf(host, daemon, pid),
  }));
  const unseen = processes === null ? services.filter(({ service }) => service.state === 'running') : [];
  return [...(await Promise.all(instances)), ...unseen];
}

async function judge(
  host: Host,
  listeners: readonly Listener[],
  instances: readonly Instance[],
): Promise<L2tpServer['verdict'] | 'unseen'> {
  const roles = new Set(instances.map(({ role }) => role));
  if (roles.has('server') || (await servesOtherwise(host, listeners, instances))) return 'server';
  if (roles.has('denied')) return 'unseen';
  if (instances.length > 0) return 'client-only';
  return listeners.some(({ kernel }) => kernel === null) ? 'unseen' : 'none';
}

/** A socket on 1701 of something that we do not know, where IPsec lets anybody in or the kernel ends tunnels. */
async function servesOtherwise(
  host: Host,
  listeners: readonly Listener[],
  instances: readonly Instance[],
): Promise<boolean> {
  if (listeners.some(({ kernel }) => kernel) && (await hasKernelTunnels(host))) return true;
  const unexplained = instances.every(({ role }) => role === 'unknown');
  if (listeners.length === 0 || !unexplained) return false;
  const connections = await host.readText('/etc/ipsec.conf');
  return connections.ok && acceptsAnybody(connections.value);
}

async function hasKernelTunnels(host: Host): Promise<boolean> {
  const { code, stdout } = await host.run(ip, ['-j', 'l2tp', 'show', 'tunnel']);
  return code === 0 && /"tunnel_id"/.test(stdout);
}

type Packages = ReadonlyMap<string | null, { package: string }>;

/** Of the programs of daemons, by the name of their process. */
async function readPackages(host: Host, found: readonly Pick<Instance, 'daemon'>[]): Promise<Packages> {
  const names = [...new Set(found.map(({ daemon }) => daemon.process))];
  const owners = await Promise.all(names.map((name) => packageOf(host, name)));
  return new Map(
    names.flatMap((name, index) => {
      const owner = owners[index] ?? null;
      return owner === null ? [] : [[name, { package: owner }] as const];
    }),
  );
}

async function describeListener(
  host: Host,
  { address, port, process, pid, kernel }: Listener,
  packages: Packages,
): Promise<L2tpServer['listening'][number]> {
  const service = pid === null ? null : await serviceOf(host, pid);
  return { address, port, owner: { process, service, kernel, ...packages.get(process) } };
}
