import type { Host } from '../check.ts';
import { mountOf, type Mount } from '../linux-mounts.ts';
import { combine, coverOf, type BlockDevice, type BlockTree } from './linux-block.ts';
import { parseCrypttab, type KeyFile } from './linux-crypttab.ts';
import type { Storage } from './linux-storage.ts';

/** Marks the volumes whose key lies in the clear beside them. What crypttab does not name is opened by somebody. */
export async function markKeyFiles(host: Host, storage: Storage, mounts: readonly Mount[]): Promise<Storage> {
  const crypttab = await host.readText('/etc/crypttab');
  if (!crypttab.ok) return storage;
  const keys = new Map(parseCrypttab(crypttab.value).map((key) => [key.name, key]));
  const devices = [...storage.tree.devices.values()].map((device) => {
    const key = keys.get(device.label);
    return key === undefined ? device : withKeyFile(device, isInClear(key, device, storage, mounts));
  });
  return { ...storage, tree: { devices: new Map(devices.map((device) => [device.name, device])) } };
}

function withKeyFile(device: BlockDevice, keyInClear: boolean): BlockDevice {
  if (!device.crypt) return device;
  const kinds = new Set([...(device.crypt.keyProtectors ?? []), 'key-file']);
  return { ...device, crypt: { ...device.crypt, keyInClear, keyProtectors: [...kinds] } };
}

/**
 * A key for what holds `/` is needed before `/` is there: it comes from the initramfs, and so from /boot. Any other
 * lies where its path says.
 */
function isInClear(
  { path }: KeyFile,
  device: BlockDevice,
  { tree, places }: Storage,
  mounts: readonly Mount[],
): boolean {
  const holder = mountOf(path, mounts)?.point;
  const root = places.find(({ point }) => point === '/');
  const opensRoot = root?.devices.some((name) => isBelow(device.name, name, tree)) === true;
  const place = places.find(({ point }) => point === (opensRoot ? '/boot' : holder));
  return place !== undefined && combine(place.devices.map((name) => coverOf(name, tree))) === 'no';
}

function isBelow(wanted: string, name: string, tree: BlockTree, above: readonly string[] = []): boolean {
  if (name === wanted) return true;
  if (above.includes(name)) return false;
  const below = tree.devices.get(name)?.below ?? [];
  return below.some((lower) => isBelow(wanted, lower, tree, [...above, name]));
}
