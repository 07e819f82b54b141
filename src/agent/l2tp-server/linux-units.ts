import type { Host } from '../../../collectors/check.ts';
import { showUnits } from '../../../collectors/linux-systemd.ts';
import { systemctl } from '../../base/commands.ts';
import type { UnitBefore } from './record.ts';

export type UnitNow = UnitBefore & { masked: boolean };

/** Null where systemd does not answer or does not know the unit. */
export async function readUnit(host: Host, name: string): Promise<UnitNow | null> {
  const units = await showUnits(host, [name], ['LoadState', 'ActiveState', 'SubState']);
  const unit = units?.get(name);
  const loaded = unit?.get('LoadState');
  if (unit === undefined || (loaded !== 'loaded' && loaded !== 'masked')) return null;
  // A SysV script that ended counts as active (exited).
  const isUp = ['active', 'reloading', 'activating', 'deactivating'].includes(unit.get('ActiveState') ?? '');
  // Only this tells of a unit made from a SysV script, whose UnitFileState is `generated` either way.
  const { stdout } = await host.run(systemctl, ['is-enabled', name]);
  return {
    name,
    active: isUp && unit.get('SubState') !== 'exited',
    enabled: stdout.trim().split('\n').at(-1) === 'enabled',
    masked: loaded === 'masked',
  };
}
