import { aptConfig } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { isBooted, isEnabledByLink, showUnits } from '../linux-systemd.ts';
import type { OsPatch } from './spec.ts';

/** What apt is told to do by itself, before anyone asked whether its timers run. */
export type Intent = NonNullable<OsPatch['automatic']>;

/** Null when apt's configuration cannot be read. */
export async function readIntent(host: Host): Promise<Intent | null> {
  const { code, stdout } = await host.run(aptConfig, ['dump', 'APT::Periodic', 'Unattended-Upgrade']);
  return code === 0 ? parseIntent(stdout) : null;
}

/** The output of `apt-config dump`: lines `Scope::Key "value";`, lists with `::` at the end of the key. */
export function parseIntent(text: string): Intent {
  const lines = [...text.matchAll(/^(\S+) "(.*)";$/gm)].map(([, key = '', value = '']) => ({ key, value }));
  const runs = (name: string) =>
    isPeriod(lines.findLast(({ key }) => key === `APT::Periodic::${name}`)?.value);
  const enabled = lines.findLast(({ key }) => key === 'APT::Periodic::Enable')?.value !== '0';
  if (!enabled || !runs('Update-Package-Lists')) return 'off';
  const installsSecurity = lines.some(
    ({ key, value }) =>
      /^Unattended-Upgrade::(?:Origins-Pattern|Allowed-Origins)::/.test(key) && /security/i.test(value),
  );
  if (runs('Unattended-Upgrade') && installsSecurity) return 'on';
  return runs('Download-Upgradeable-Packages') ? 'download-only' : 'off';
}

/** `1`, `7d`, `always`; `0` and nothing mean never. */
function isPeriod(value: string | undefined): boolean {
  return value === 'always' || (/^\d+[smhd]?$/.test(value ?? '') && parseInt(value ?? '', 10) > 0);
}

/** What really happens: the intent, if its package is there and its timers run. Null when that cannot be seen. */
export async function readAutomatic(host: Host, intent: Intent | null): Promise<OsPatch['automatic']> {
  if (intent === null || intent === 'off') return intent;
  // The package's configuration outlives the package.
  if (intent === 'on' && (await isAbsent(host, '/usr/share', 'unattended-upgrades'))) return 'off';
  const running = await timersRun(host);
  return running === null ? null : running ? intent : 'off';
}

/** True only where the folder was seen without it. */
async function isAbsent(host: Host, folder: string, name: string): Promise<boolean> {
  const names = await host.list(folder);
  return names.ok && !names.value.includes(name);
}

const TIMERS = ['apt-daily.timer', 'apt-daily-upgrade.timer'] as const;

async function timersRun(host: Host): Promise<boolean | null> {
  const links = await Promise.all(TIMERS.map((timer) => isEnabledByLink(host, timer, 'timers.target')));
  if (links.includes(false)) return false;
  if (links.every(Boolean)) return isBooted(host);
  // unattended-upgrades.service itself is only the helper at shutdown and proves nothing.
  const units = await showUnits(
    host,
    [...TIMERS, 'unattended-upgrades.service'],
    ['Id', 'ActiveState', 'UnitFileState'],
  );
  if (units === null) return null;
  return TIMERS.every((timer) => {
    const unit = units.get(timer);
    return unit?.get('ActiveState') === 'active' && unit.get('UnitFileState')?.startsWith('enabled');
  });
}
