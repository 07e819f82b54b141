import type { ManagedSetting } from '../agent/managed-kept.ts';
import type { Finding } from './agent-doctor-vpn.ts';
import type { Settings } from './agent-settings.ts';

type Part = Pick<Settings, 'managed' | 'overridden'>;

/** What device management has set, one by one, what of the settings file it overrides, and what makes no sense. */
export function managedFindings({ managed, overridden }: Part): Finding[] {
  const { source, settings, problems } = managed;
  if (source === null) return [];
  const each = settings.map((setting) => settingFinding(setting, overridden.get(setting.name)));
  const wrong = problems.map(({ kind, message }): Finding => {
    const level = kind === 'unknown' ? 'warn' : 'fail';
    return {
      name: 'management',
      level,
      found: message,
      todo: `Put it right in the device management (${source}).`,
    };
  });
  if (wrong.length > 0) return [...each, ...wrong];
  const count = `${settings.length} ${settings.length === 1 ? 'setting' : 'settings'} from ${source}`;
  return [{ name: 'management', level: 'ok', found: count, todo: null }, ...each];
}

const ORIGINS: Record<ManagedSetting['from'], string> = {
  now: '',
  before: ', as it was before: what management says now makes no sense',
  fallback: ', since what management says makes no sense',
};

function settingFinding({ name, value, from }: ManagedSetting, local: unknown): Finding {
  const vain = local === undefined ? '' : `; the settings file’s ${shown(name, local)} is overridden`;
  return {
    name: `managed: ${name}`,
    level: from === 'now' ? 'ok' : 'warn',
    found: `${shown(name, value)}${ORIGINS[from]}${vain}`,
    todo: null,
  };
}

/** Never a secret. */
function shown(name: string, value: unknown): string {
  if (name === 'enrolment.token') return 'given';
  if (value === undefined) return 'as without it';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  return String(value);
}
