import {
  combine,
  coverOf,
  cryptsOf,
  isRemovable,
  type BlockTree,
  type Cover,
  type Crypt,
} from './linux-block.ts';
import type { Place } from './linux-places.ts';
import type { DiskEncryption } from './spec.ts';

export type Volume = DiskEncryption['volumes'][number];

/** A place with what it lies on. */
export type Located = Place & {
  /** Block devices; none where they could not be found. */
  devices: readonly string[];
  /** Encryption of the file system itself (ZFS, ecryptfs); null for none. */
  own: Crypt | null;
};

/** Null when it is not known what the place lies on. */
export function describePlace(place: Located, tree: BlockTree): Volume | null {
  const cover = place.own ? place.own.cover : combine(place.devices.map((device) => coverOf(device, tree)));
  if (cover === null) return null;
  const crypts = place.own ? [place.own] : place.devices.flatMap((device) => cryptsOf(device, tree));
  return {
    id: idOf(place, tree),
    mount: place.point,
    role: place.role === 'other' && isPortable(place, tree) ? 'removable' : place.role,
    encrypted: cover,
    protection: cover !== 'yes' ? 'off' : crypts.some(({ keyInClear }) => keyInClear) ? 'suspended' : 'on',
    ...detailsOf(crypts, cover),
  };
}

function isPortable({ devices }: Located, tree: BlockTree): boolean {
  return devices.length > 0 && devices.every((device) => isRemovable(device, tree));
}

function idOf({ devices, source }: Located, tree: BlockTree): string {
  const [first] = devices;
  return (first === undefined ? undefined : tree.devices.get(first)?.label) ?? source;
}

function detailsOf(crypts: readonly Crypt[], cover: Cover) {
  const methods = new Set(crypts.filter((crypt) => crypt.cover !== 'no').map(({ method }) => method));
  const converting = crypts.find((crypt) => crypt.converting !== null);
  const protectors = crypts.map(({ keyProtectors }) => keyProtectors);
  return {
    method: cover === 'no' || methods.size === 0 ? null : [...methods].join(', '),
    converting: converting?.converting ?? null,
    percent: converting?.percent ?? null,
    keyProtectors:
      protectors.length === 0 || protectors.includes(null)
        ? null
        : [...new Set(protectors.flatMap((kinds) => kinds ?? []))],
  };
}

/** Over the places that hold the system, people's data and swapped memory; null when the system itself is not among them. */
export function judgeSystem(volumes: readonly Volume[]): DiskEncryption['system'] | null {
  const kept = volumes.filter(({ role }) => role === 'system' || role === 'data');
  const swap = volumes.filter(({ role }) => role === 'swap');
  if (!kept.some(({ role }) => role === 'system')) return null;
  if (kept.some(({ converting }) => converting !== null)) return 'converting';
  if (kept.every(({ encrypted }) => encrypted === 'no')) return 'plain';
  if ([...kept, ...swap].some(({ encrypted }) => encrypted !== 'yes')) return 'mixed';
  return kept.some(({ protection }) => protection === 'suspended') ? 'unprotected' : 'encrypted';
}
