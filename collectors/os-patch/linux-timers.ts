import type { Host } from '../check.ts';
import { isEnabledByLink, showUnits } from '../linux-systemd.ts';

/** Which of these timers start by themselves; null when systemd does not say. */
export async function enabledTimers(host: Host, timers: readonly string[]): Promise<string[] | null> {
  const links = await Promise.all(timers.map((timer) => isEnabledByLink(host, timer, 'timers.target')));
  const linked = timers.filter((_, index) => links[index] === true);
  if (linked.length > 0) return linked;
  const units = await showUnits(host, timers, ['Id', 'ActiveState', 'UnitFileState']);
  return units && timers.filter((timer) => units.get(timer)?.get('UnitFileState')?.startsWith('enabled'));
}
