import type { Host } from './check.ts';

/** One line of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
export type Mount = {
  /** Major and minor number of the filesystem, `254:0`; `0:NN` where no single block device stands behind it. */
  device: string;
  /** The part of the filesystem that is mounted: `/`, a btrfs subvolume, the source of a bind mount. */
  root: string;
  point: string;
  type: string;
  source: string;
  /** Mount options and the filesystem's own, as written. */
  options: readonly string[];
};

const MAX_MOUNTS = 5_000;

export async function readMounts(host: Host): Promise<Mount[]> {
  const text = await host.readText('/proc/self/mountinfo');
  return text.ok ? parseMountinfo(text.value) : [];
}

/** In the order of mounting; lines of another shape are skipped. */
export function parseMountinfo(text: string): Mount[] {
  return text
    .split('\n', MAX_MOUNTS)
    .map(parseMount)
    .filter((mount) => mount !== null);
}

function parseMount(line: string): Mount | null {
  const [before = '', after] = line.split(' - ', 2);
  const [, , device = '', root, point, own = ''] = before.split(' ');
  if (after === undefined || root === undefined || point === undefined) return null;
  if (!/^\d+:\d+$/.test(device)) return null;
  const [type = '', source = '', theirs = ''] = after.split(' ');
  return {
    device,
    root: unescapeOctal(root),
    point: unescapeOctal(point),
    type,
    source: unescapeOctal(source),
    options: [...own.split(','), ...theirs.split(',')],
  };
}

/** Spaces, tabs, newlines and backslashes are written as `\040`. */
export function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** The mount that holds `path`: the one mounted last among those with the longest mount point above it. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  const above = mounts.filter(({ point }) => isWithin(path, point));
  return above.reduce<Mount | undefined>(
    (best, mount) => (best && best.point.length > mount.point.length ? best : mount),
    undefined,
  );
}

export function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}
