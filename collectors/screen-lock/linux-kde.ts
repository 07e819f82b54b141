import { getent } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { parseIni } from '../linux-ini.ts';
import type { UserLock } from './linux-lock.ts';

/** One `kscreenlockerrc`: the keys of `[Daemon]`, and those that may not be changed (`[$i]`). */
type LockerConfig = { values: Map<string, string>; fixed: Set<string> };

const FILE = 'kscreenlockerrc';

/** kscreenlocker's own defaults: minutes of idling, seconds of grace (kscreensaversettings.kcfg). */
const DEFAULT_TIMEOUT = '5';
const DEFAULT_GRACE = '5';

/** The user's file over the system's; a file that is not there leaves the defaults. Null when one cannot be read. */
export async function readKde(host: Host, user: string): Promise<UserLock | null> {
  const home = await homeOf(host, user);
  if (home === null) return null;
  const layers: LockerConfig[] = [];
  for (const path of [`/etc/xdg/${FILE}`, `${home}/.config/${FILE}`]) {
    const text = await host.readText(path);
    if (!text.ok && text.error !== 'missing') return null;
    if (text.ok) layers.push(parseLockerConfig(text.value));
  }
  return lockOf(layers);
}

async function homeOf(host: Host, user: string): Promise<string | null> {
  const { code, stdout } = await host.run(getent, ['passwd', user]);
  const home = code === 0 ? stdout.split('\n')[0]?.split(':')[5] : undefined;
  return home?.startsWith('/') ? home : null;
}

/** KConfig marks an immutable file, group or key with `[$i]`. */
export function parseLockerConfig(text: string): LockerConfig {
  const sections = parseIni(text);
  const wholeFile = /^\s*\[\$i\]/.test(text);
  const values = new Map<string, string>();
  const fixed = new Set<string>();
  for (const { name, entries } of sections.filter(({ name }) => /^Daemon(\]\[\$i)?$/.test(name))) {
    for (const [written, value] of entries) {
      const key = written.replace(/\[\$[a-z]+\]$/, '');
      values.set(key, value);
      if (wholeFile || name.endsWith('$i') || written.endsWith('[$i]')) fixed.add(key);
    }
  }
  return { values, fixed };
}

/** Later layers override earlier ones, unless a key was fixed before. */
export function lockOf(layers: readonly LockerConfig[]): UserLock {
  const merged = new Map<string, string>();
  const fixed = new Set<string>();
  for (const layer of layers) {
    for (const [key, value] of layer.values) if (!fixed.has(key)) merged.set(key, value);
    for (const key of layer.fixed) fixed.add(key);
  }
  const minutes = parseCount(merged.get('Timeout') ?? DEFAULT_TIMEOUT);
  return {
    enabled: parseSwitch(merged.get('Autolock') ?? 'true'),
    delaySeconds: parseCount(merged.get('LockGrace') ?? DEFAULT_GRACE),
    idleSeconds: minutes === null ? null : minutes * 60,
    enforced: fixed.has('Autolock') && fixed.has('Timeout'),
  };
}

function parseCount(text: string): number | null {
  return /^\d{1,6}$/.test(text) ? Number(text) : null;
}

/** KConfig takes true, on, yes and 1 for true. */
function parseSwitch(text: string): boolean | null {
  if (/^(true|on|yes|1)$/i.test(text)) return true;
  return /^(false|off|no|0)$/i.test(text) ? false : null;
}
