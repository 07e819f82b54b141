import { systemctl } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { showUnits, type UnitProperties } from '../linux-systemd.ts';
import type { Daemon } from './linux-daemons.ts';
import type { L2tpServer } from './spec.ts';

export type Service = Pick<L2tpServer['services'][number], 'name' | 'state' | 'start'>;

export const PROGRAM_FOLDERS = ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin'];

/** Daemons that may be installed: all of them, where the programs' folders cannot be seen. */
export async function installed(host: Host, daemons: readonly Daemon[]): Promise<Daemon[]> {
  const folders = await Promise.all(PROGRAM_FOLDERS.map((folder) => host.list(folder)));
  const seen = folders.filter((folder) => folder.ok);
  const names = new Set(seen.flatMap((folder) => folder.value));
  return daemons.filter(({ process }) => seen.length === 0 || names.has(process));
}

/** The daemon's service as the service manager has it; null when there is none. */
export async function readService(host: Host, daemon: Daemon): Promise<Service | null> {
  const units = await showUnits(
    host,
    [daemon.service],
    ['LoadState', 'ActiveState', 'SubState', 'UnitFileState'],
  );
  const unit = units?.get(daemon.service);
  if (!unit || !['loaded', 'masked'].includes(unit.get('LoadState') ?? '')) return null;
  return { name: daemon.service, state: stateOf(unit), start: await startOf(host, daemon, unit) };
}

/** A SysV script that ended counts as active (exited). */
function stateOf(unit: UnitProperties): Service['state'] {
  const active = ['active', 'reloading', 'activating', 'deactivating'].includes(
    unit.get('ActiveState') ?? '',
  );
  return active && unit.get('SubState') !== 'exited' ? 'running' : 'stopped';
}

const STARTS: Readonly<Record<string, Service['start']>> = {
  enabled: 'auto',
  'enabled-runtime': 'auto',
  alias: 'auto',
  disabled: 'disabled',
  linked: 'disabled',
  'linked-runtime': 'disabled',
  masked: 'masked',
  'masked-runtime': 'masked',
};

/** A unit made from a SysV script stays `generated`, enabled or not: the links of the runlevels tell. */
async function startOf(host: Host, daemon: Daemon, unit: UnitProperties): Promise<Service['start']> {
  const stated = unit.get('UnitFileState') ?? '';
  return stated === 'generated' ? sysvStart(host, daemon) : (STARTS[stated] ?? 'manual');
}

async function sysvStart(host: Host, { process, service }: Daemon): Promise<Service['start']> {
  const links = await host.list('/etc/rc5.d');
  if (links.ok)
    return links.value.some((name) => new RegExp(`^S\\d\\d${process}$`).test(name)) ? 'auto' : 'disabled';
  for (const name of [process, service]) {
    const { stdout } = await host.run(systemctl, ['is-enabled', name]);
    const said = STARTS[stdout.trim().split('\n').at(-1) ?? ''];
    if (said) return said;
  }
  // The generator makes units of every script; Debian's package enables its own.
  return 'auto';
}
