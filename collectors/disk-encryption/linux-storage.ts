import type { Host } from '../check.ts';
import { mountOf, type Mount } from '../linux-mounts.ts';
import type { BlockTree } from './linux-block.ts';
import { readLsblk, type MountedTree } from './linux-lsblk.ts';
import { mapped } from './linux-crypt.ts';
import { mountedPlaces, parseSwaps, readHomes, roleOf, STACKED, type Place } from './linux-places.ts';
import { readBelow, readPoolMembers } from './linux-sysfs.ts';
import type { Located } from './linux-volumes.ts';
import { readDatasets, readPoolDevices } from './linux-zfs.ts';

/** Everything that keeps data here, and the devices below it. */
export type Storage = { tree: BlockTree; places: readonly Located[] };

/** From sysfs, else from lsblk; null when neither shows what the root file system lies on. */
export async function readStorage(host: Host, mounts: readonly Mount[]): Promise<Storage | null> {
  const [homes, swaps] = await Promise.all([readHomes(host), host.readText('/proc/swaps')]);
  const places = [...mountedPlaces(mounts, homes), ...(swaps.ok ? parseSwaps(swaps.value) : [])];
  return (await fromSysfs(host, places, mounts)) ?? (await fromLsblk(host, places, homes));
}

async function fromSysfs(
  host: Host,
  places: readonly Place[],
  mounts: readonly Mount[],
): Promise<Storage | null> {
  const datasets = await readDatasets(
    host,
    places.filter(({ type }) => type === 'zfs').map(({ source }) => source),
  );
  const located = await Promise.all(
    places.map(async (place) => {
      const own = STACKED.has(place.type)
        ? mapped(place.type.replace('fuse.', ''))
        : (datasets.get(place.source) ?? null);
      return { ...place, own, devices: own ? [] : await devicesOf(host, place, mounts) };
    }),
  );
  const rootIsKnown = located.some(({ point, devices, own }) => point === '/' && (devices.length > 0 || own));
  const names = located.flatMap(({ devices }) => devices);
  return rootIsKnown ? { tree: { devices: await readBelow(host, names) }, places: located } : null;
}

/** Kernel names of the devices that hold a place; none where sysfs does not tell. */
async function devicesOf(host: Host, place: Place, mounts: readonly Mount[]): Promise<string[]> {
  if (place.role === 'swap' && place.type === 'file') return devicesOfFile(host, place.source, mounts);
  if (place.number !== '' && !place.number.startsWith('0:'))
    return asList(await nameOfNumber(host, place.number));
  if (place.type === 'zfs') return namesOfPaths(host, await readPoolDevices(host, place.source));
  const [name] = await namesOfPaths(host, [place.source]);
  if (name === undefined) return [];
  return place.type === 'btrfs' ? readPoolMembers(host, name) : [name];
}

async function namesOfPaths(host: Host, paths: readonly string[]): Promise<string[]> {
  const names = await Promise.all(paths.map((path) => nameOfPath(host, path)));
  return names.filter((name) => name !== null);
}

async function devicesOfFile(host: Host, path: string, mounts: readonly Mount[]): Promise<string[]> {
  const mount = mountOf(path, mounts);
  if (!mount) return [];
  const [place] = mountedPlaces([mount], []);
  return place ? devicesOf(host, place, mounts) : [];
}

async function nameOfNumber(host: Host, number: string): Promise<string | null> {
  const link = await host.readLink(`/sys/dev/block/${number}`);
  return link.ok ? baseName(link.value) : null;
}

/** `/dev/sda2`, or a link such as `/dev/mapper/root` to `../dm-0`. */
async function nameOfPath(host: Host, path: string): Promise<string | null> {
  if (!path.startsWith('/dev/')) return null;
  const link = await host.readLink(path);
  return baseName(link.ok ? link.value : path);
}

function baseName(path: string): string | null {
  return path.split('/').at(-1) || null;
}

function asList<T>(value: T | null): T[] {
  return value === null ? [] : [value];
}

/** lsblk's own mount points serve where mountinfo could not be read. */
async function fromLsblk(
  host: Host,
  places: readonly Place[],
  homes: readonly string[],
): Promise<Storage | null> {
  const tree = await readLsblk(host);
  if (tree === null) return null;
  const located = places.map((place) => ({ ...place, own: null, devices: asList(nameIn(tree, place)) }));
  if (located.some(({ point, devices }) => point === '/' && devices.length > 0))
    return { tree, places: located };
  const mounted = tree.mounts.filter(({ device }) => !/^(?:loop|zram|ram|sr)\d/.test(device));
  return { tree, places: mounted.map((mount) => placeOf(mount, homes)) };
}

/** lsblk names device-mapper devices as people do; the number is the safer way. */
function nameIn(tree: MountedTree, { number, source }: Place): string | null {
  const name = tree.numbers.get(number) ?? source.split('/').at(-1) ?? '';
  return tree.devices.has(name) ? name : null;
}

function placeOf({ point, device }: MountedTree['mounts'][number], homes: readonly string[]): Located {
  const swap = point === '[SWAP]';
  return {
    role: swap ? 'swap' : roleOf(point, homes),
    point: swap ? null : point,
    number: '',
    source: device,
    type: '',
    devices: [device],
    own: null,
  };
}
