import type { Host } from '../check.ts';
import { isWithin, mountOf, unescapeOctal, type Mount } from '../linux-mounts.ts';
import type { DiskEncryption } from './spec.ts';

export type Role = DiskEncryption['volumes'][number]['role'];

/** Something that keeps data: a mounted file system or a swap area. */
export type Place = {
  role: Role;
  /** Null for swap. */
  point: string | null;
  /** `major:minor`, `0:NN` for file systems of several devices, or empty where only the source is known. */
  number: string;
  /** Device path, dataset, or swap file. */
  source: string;
  type: string;
};

/** Where the system keeps what it runs on and what users leave behind. */
const SYSTEM = new Set([
  '/',
  '/usr',
  '/var',
  '/var/lib',
  '/var/log',
  '/var/tmp',
  '/tmp',
  '/etc',
  '/sysroot',
  '/nix',
]);
const DATA = ['/home', '/var/home', '/root', '/srv'];
const BOOT = ['/boot', '/efi', '/esp'];

/** By mount point alone; `homes` are the home folders of people. */
export function roleOf(point: string, homes: readonly string[]): Role {
  if (SYSTEM.has(point)) return 'system';
  if (BOOT.some((folder) => isWithin(point, folder))) return 'boot';
  const holdsPeople =
    DATA.some((folder) => isWithin(point, folder)) || homes.some((home) => isWithin(home, point));
  return holdsPeople ? 'data' : 'other';
}

/** Home folders of people (uid 1000 and above, as login.defs has it since 2011), from /etc/passwd. */
export async function readHomes(host: Host): Promise<string[]> {
  const accounts = await host.readText('/etc/passwd');
  if (!accounts.ok) return [];
  return accounts.value
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([, , uid]) => Number(uid) >= 1_000 && Number(uid) < 60_000)
    .flatMap(([, , , , , home]) => (home?.startsWith('/') && home.length > 1 ? [home] : []));
}

/** File systems of several devices, which no single `major:minor` names. */
const POOLED = new Set(['btrfs', 'zfs', 'bcachefs']);
/** Images: what they hold came with a package or lies on another file system. */
const IMAGES = new Set(['squashfs', 'iso9660', 'udf', 'erofs', 'cramfs']);

/**
 * The mounts that keep data, one for each file system and role. A bind mount of a file system that is already there
 * says nothing new, except where it is a required place itself.
 */
export function mountedPlaces(mounts: readonly Mount[], homes: readonly string[]): Place[] {
  const visible = mounts.filter(
    (mount, index) => !mounts.slice(index + 1).some(({ point }) => point === mount.point),
  );
  const root = realRoot(visible);
  const places = visible
    .filter((mount) => isStorage(mount) && mount !== root)
    .concat(root ? [root] : [])
    .map((mount) => placeOf(mount, mount === root ? '/' : mount.point, homes));
  return places.filter((place) => isFirstOfItsKind(place, places));
}

/** Folders that are encrypted file by file, in another file system. */
export const STACKED: ReadonlySet<string> = new Set([
  'ecryptfs',
  'fuse.gocryptfs',
  'fuse.encfs',
  'fuse.cryfs',
]);

function isStorage({ device, type, source }: Mount): boolean {
  if (STACKED.has(type)) return true;
  if (IMAGES.has(type) || /^\/dev\/(?:loop|zram|ram)\d/.test(source)) return false;
  return POOLED.has(type) || (!device.startsWith('0:') && device !== '');
}

/**
 * What stands behind `/`: an overlay keeps its changes in another file system (live systems, read-only roots), and
 * image-based systems (ostree, composefs) have the real one at /sysroot.
 */
function realRoot(mounts: readonly Mount[]): Mount | undefined {
  const root = mounts.find(({ point }) => point === '/');
  if (root?.type !== 'overlay' && root?.type !== 'composefs' && root?.type !== 'erofs') return root;
  const sysroot = mounts.find(({ point }) => point === '/sysroot');
  const upper = root.options.find((option) => option.startsWith('upperdir='))?.slice('upperdir='.length);
  const changes =
    upper === undefined
      ? undefined
      : mountOf(
          upper,
          mounts.filter((mount) => mount !== root),
        );
  return sysroot ?? changes ?? root;
}

function placeOf({ device, source, type }: Mount, point: string, homes: readonly string[]): Place {
  return { role: roleOf(point, homes), point, number: device, source, type };
}

function isFirstOfItsKind(place: Place, places: readonly Place[]): boolean {
  const same = places.filter(({ number, source }) => number === place.number && source === place.source);
  if (place.role === 'system' || place.role === 'data') return true;
  const shortest = same.reduce(
    (best, one) => ((one.point ?? '').length < (best.point ?? '').length ? one : best),
    place,
  );
  return shortest === place;
}

/** /proc/swaps: a heading, then `path type size used priority`. Compressed memory (zram) is no disk. */
export function parseSwaps(text: string): Place[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([path = '', type]) =>
        path.startsWith('/') && !/\/zram\d+$/.test(path) && (type === 'partition' || type === 'file'),
    )
    .map(([path = '', type = '']) => ({
      role: 'swap',
      point: null,
      number: '',
      source: unescapeOctal(path),
      type,
    }));
}
