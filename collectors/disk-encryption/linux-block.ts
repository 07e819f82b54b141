/** How much of something lies encrypted on its disks. */
export type Cover = 'yes' | 'no' | 'partial';

/** What a device that decrypts says of the data below it. */
export type Crypt = {
  /** Null when its header could not be understood. */
  cover: Cover | null;
  /** `luks2-aes-xts-plain64-512`, or as much of it as could be read. */
  method: string;
  converting: 'encrypting' | 'decrypting' | null;
  /** 0 to 100 while converting, if it can be computed. */
  percent: number | null;
  keyProtectors: string[] | null;
  /** The key can be read by whoever has the disk. */
  keyInClear: boolean;
};

/** A disk, a partition, or a layer above them. */
export type BlockDevice = {
  /** The kernel's name, which is also its key: `sda2`, `dm-0`. */
  name: string;
  /** As people know it: the device-mapper name where there is one. */
  label: string;
  /** Names of the devices that it lies on; none for a disk or partition. */
  below: readonly string[];
  crypt: Crypt | null;
  removable: boolean;
};

/** Devices by name. */
export type BlockTree = { devices: ReadonlyMap<string, BlockDevice> };

/**
 * Walks from a device down to every disk below it. Encrypted is what meets a decrypting layer on every path; null
 * when a layer is not known.
 */
export function coverOf(name: string, tree: BlockTree, above: readonly string[] = []): Cover | null {
  const device = tree.devices.get(name);
  // A loop cannot occur in a kernel, but in a damaged capture.
  if (!device || above.includes(name)) return null;
  if (device.crypt && device.crypt.cover !== 'no') return device.crypt.cover;
  if (device.below.length === 0) return 'no';
  return combine(device.below.map((lower) => coverOf(lower, tree, [...above, name])));
}

/** Over parts that hold the same data together: one plain part makes the whole partial. */
export function combine(covers: readonly (Cover | null)[]): Cover | null {
  const [first] = covers;
  if (first === undefined || covers.includes(null)) return null;
  return covers.every((cover) => cover === first) ? first : 'partial';
}

/** The first decrypting layer on each path down. */
export function cryptsOf(name: string, tree: BlockTree, above: readonly string[] = []): Crypt[] {
  const device = tree.devices.get(name);
  if (!device || above.includes(name)) return [];
  if (device.crypt) return [device.crypt];
  return device.below.flatMap((lower) => cryptsOf(lower, tree, [...above, name]));
}

/** True when every disk below can be pulled out. */
export function isRemovable(name: string, tree: BlockTree, above: readonly string[] = []): boolean {
  const device = tree.devices.get(name);
  if (!device || above.includes(name)) return false;
  if (device.below.length === 0) return device.removable;
  return device.below.every((lower) => isRemovable(lower, tree, [...above, name]));
}
