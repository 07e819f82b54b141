import type { Host } from './check.ts';

export type Process = { pid: number; name: string };

/** Processes whose name is one of `names` (as in /proc/PID/comm: at most 15 characters); null when /proc is not there. */
export async function findProcesses(host: Host, names: ReadonlySet<string>): Promise<Process[] | null> {
  const pids = await listPids(host);
  if (pids === null) return null;
  const found = await Promise.all(pids.map((pid) => nameOf(host, pid)));
  return found.filter((process): process is Process => process !== null && names.has(process.name));
}

/** The processes that have these sockets open, by socket; null when /proc is not there. Reads every open file: slow. */
export async function findSocketOwners(
  host: Host,
  inodes: readonly number[],
): Promise<ReadonlyMap<number, Process> | null> {
  const pids = await listPids(host);
  if (pids === null) return null;
  const wanted = new Map(inodes.map((inode) => [`socket:[${inode}]`, inode]));
  const owners = new Map<number, Process>();
  for (const pid of pids) {
    const held = (await openFiles(host, pid)).flatMap((target) => wanted.get(target) ?? []);
    const process = held.length > 0 ? await nameOf(host, pid) : null;
    if (process) for (const inode of held) owners.set(inode, process);
  }
  return owners;
}

async function openFiles(host: Host, pid: number): Promise<string[]> {
  const descriptors = await host.list(`/proc/${pid}/fd`);
  const names = descriptors.ok ? descriptors.value : [];
  const targets = await Promise.all(names.map((name) => host.readLink(`/proc/${pid}/fd/${name}`)));
  return targets.flatMap((target) => (target.ok ? [target.value] : []));
}

async function listPids(host: Host): Promise<number[] | null> {
  const folder = await host.list('/proc');
  return folder.ok ? folder.value.filter((name) => /^\d+$/.test(name)).map(Number) : null;
}

async function nameOf(host: Host, pid: number): Promise<Process | null> {
  const name = await host.readText(`/proc/${pid}/comm`);
  return name.ok ? { pid, name: name.value.trim() } : null;
}

/** Arguments of a process, its own name first; empty when it has ended or may not be seen. */
export async function argumentsOf(host: Host, pid: number): Promise<string[]> {
  const line = await host.readText(`/proc/${pid}/cmdline`);
  return line.ok ? line.value.split('\0').filter((word) => word !== '') : [];
}

/** The systemd service that a process belongs to, from its control group; null for none. */
export async function serviceOf(host: Host, pid: number): Promise<string | null> {
  const groups = await host.readText(`/proc/${pid}/cgroup`);
  return groups.ok ? parseService(groups.value) : null;
}

/** Lines `0::/system.slice/xl2tpd.service` (unified) or `1:name=systemd:/system.slice/…`. */
export function parseService(text: string): string | null {
  const [, path = ''] = /^(?:0:|\d+:name=systemd):(.*\.service)(?:\/|$)/m.exec(text) ?? [];
  return path.split('/').findLast((part) => part.endsWith('.service')) ?? null;
}
