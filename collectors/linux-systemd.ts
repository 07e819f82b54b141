import { systemctl } from '../src/base/commands.ts';
import type { Host } from './check.ts';

export type UnitProperties = ReadonlyMap<string, string>;

/** Whether systemd is the service manager here, as sd_booted(3) tells it; null when even that cannot be seen. */
export async function isBooted(host: Host): Promise<boolean | null> {
  const folder = await host.list('/run/systemd/system');
  if (folder.ok) return true;
  return folder.error === 'missing' ? false : null;
}

/**
 * Properties of units by unit name, from one call of `systemctl show`; null when systemd does not answer. A unit that
 * does not exist is there with `LoadState=not-found`.
 */
export async function showUnits(
  host: Host,
  units: readonly string[],
  properties: readonly string[],
): Promise<ReadonlyMap<string, UnitProperties> | null> {
  const { code, stdout } = await host.run(systemctl, ['show', ...units, '-p', properties.join(',')]);
  return code === 0 ? nameUnits(parseUnits(stdout), units) : null;
}

/** One map a unit. The order of properties is systemd's own, not the caller's. */
export function parseUnits(text: string): UnitProperties[] {
  return text
    .split(/\n\s*\n/)
    .map((block) => new Map(block.split('\n').flatMap(parseProperty)))
    .filter((properties) => properties.size > 0);
}

function parseProperty(line: string): [string, string][] {
  const at = line.indexOf('=');
  return at > 0 ? [[line.slice(0, at), line.slice(at + 1)]] : [];
}

/** By Id; a single unit that was not asked for its Id has the name under which it was asked for. */
function nameUnits(blocks: UnitProperties[], asked: readonly string[]): Map<string, UnitProperties> {
  const only = asked.length === 1 && blocks.length === 1 ? asked[0] : undefined;
  return new Map(
    blocks.flatMap((block) => {
      const name = only ?? block.get('Id');
      return name === undefined ? [] : [[name, block] as const];
    }),
  );
}

/**
 * Whether a unit is enabled by the links that `systemctl enable` makes; null when no link proves either. Costs two
 * reads of a link where `systemctl` costs a process.
 */
export async function isEnabledByLink(host: Host, unit: string, target: string): Promise<boolean | null> {
  const own = await host.readLink(`/etc/systemd/system/${unit}`);
  if (own.ok && own.value === '/dev/null') return false;
  const wanted = await host.readLink(`/etc/systemd/system/${target}.wants/${unit}`);
  return wanted.ok ? true : null;
}
