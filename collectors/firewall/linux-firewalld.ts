import { firewallCmd } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';

/** A zone with the interfaces or sources that are in it now, or the default for all others. */
export type Zone = { name: string; active: boolean; isDefault: boolean; target: string };

export type FirewalldStatus = { running: false } | { running: true; zones: Zone[] };

/** Null when firewalld is not here. "not running" is on stderr, exit 252; a failed start is 251. */
export async function readFirewalld(host: Host): Promise<FirewalldStatus | null> {
  const state = await host.run(firewallCmd, ['--state']);
  if (state.code === 251 || state.code === 252) return { running: false };
  if (state.code !== 0 || state.stdout.trim() !== 'running') return null;
  return { running: true, zones: await readZones(host) };
}

/** Empty unless every zone in use is among them: the one that is missing may be the one that lets everything in. */
async function readZones(host: Host): Promise<Zone[]> {
  const active = await host.run(firewallCmd, ['--get-active-zones']);
  const used = active.code === 0 ? [...active.stdout.matchAll(/^[\w-]+/gm)].map(([name]) => name) : [];
  for (const argv of [['--list-all-zones'], ['--list-all']]) {
    const { code, stdout } = await host.run(firewallCmd, argv);
    const zones = code === 0 ? parseZones(stdout) : [];
    if (zones.length > 0 && used.every((name) => zones.some((zone) => zone.name === name))) return zones;
  }
  return [];
}

/** Blocks headed `public (default, active)`, with `target: default` inside; zones without a target are left out. */
export function parseZones(text: string): Zone[] {
  return text.split(/\n(?=\S)/).flatMap((block) => {
    const [, name, , words = ''] = /^([\w-]{1,60})( \(([\w, ]{1,60})\))? *\r?\n/.exec(block) ?? [];
    const target = /^ +target: (\S+) *\r?$/m.exec(block)?.[1];
    if (name === undefined || target === undefined) return [];
    return [{ name, active: words.includes('active'), isDefault: words.includes('default'), target }];
  });
}

/** Every target but ACCEPT ends in a rejection or a drop. Null when no zone in use is known. */
export function zoneDefault(zones: readonly Zone[]): 'block' | 'allow' | null {
  const used = zones.filter((zone) => zone.active || zone.isDefault);
  if (used.length === 0) return null;
  return used.some((zone) => zone.target === 'ACCEPT') ? 'allow' : 'block';
}
