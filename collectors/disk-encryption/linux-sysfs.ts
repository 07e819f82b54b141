import type { Host } from '../check.ts';
import type { BlockDevice, Crypt } from './linux-block.ts';
import { readCrypt } from './linux-crypt.ts';

const MAX_DEVICES = 500;

/** The given devices, by kernel name, and everything below them. sysfs asks for no rights and no process. */
export async function readBelow(host: Host, names: readonly string[]): Promise<Map<string, BlockDevice>> {
  const devices = new Map<string, BlockDevice>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined && devices.size < MAX_DEVICES; name = open.pop()) {
    if (devices.has(name)) continue;
    const device = await readDevice(host, name);
    if (device) devices.set(name, device);
    open.push(...(device?.below ?? []));
  }
  return devices;
}

async function readDevice(host: Host, name: string): Promise<BlockDevice | null> {
  const folder = `/sys/class/block/${name}`;
  const slaves = await host.list(`${folder}/slaves`);
  // A partition has no `slaves`; what it lies on is its own disk.
  if (!slaves.ok && !(await exists(host, folder))) return null;
  const below = slaves.ok ? slaves.value : [];
  const mapper = await text(host, `${folder}/dm/name`);
  return {
    name,
    label: mapper ?? name,
    below,
    crypt: await cryptOf(host, folder, below),
    removable: await isPulledOut(host, folder),
  };
}

async function cryptOf(host: Host, folder: string, below: readonly string[]): Promise<Crypt | null> {
  const uuid = await text(host, `${folder}/dm/uuid`);
  if (!uuid?.startsWith('CRYPT-')) return null;
  return readCrypt(host, uuid, await backingDevice(host, below));
}

/** Below a device that is being re-encrypted lie helpers of the same volume (CRYPT-SUBDEV); the header is below them. */
async function backingDevice(host: Host, below: readonly string[]): Promise<string | null> {
  const [name] = below;
  if (name === undefined) return null;
  const uuid = await text(host, `/sys/class/block/${name}/dm/uuid`);
  if (!uuid?.startsWith('CRYPT-SUBDEV-')) return name;
  const next = await host.list(`/sys/class/block/${name}/slaves`);
  return next.ok ? backingDevice(host, next.value) : null;
}

/** The disk says whether its medium can be taken out; a USB disk as a whole can, though its medium cannot. */
async function isPulledOut(host: Host, folder: string): Promise<boolean> {
  const link = await host.readLink(folder);
  const path = link.ok ? link.value : '';
  if (/\/usb\d+\//.test(path)) return true;
  const parent = path.split('/').at(-2);
  const own =
    (await text(host, `${folder}/removable`)) ?? (await text(host, `/sys/class/block/${parent}/removable`));
  return own === '1';
}

async function exists(host: Host, folder: string): Promise<boolean> {
  return (await host.readText(`${folder}/dev`)).ok;
}

async function text(host: Host, path: string): Promise<string | null> {
  const file = await host.readText(path);
  return file.ok ? file.value.trim() : null;
}

/** All devices of the btrfs volume that `member` belongs to; `member` alone where the kernel does not list them. */
export async function readPoolMembers(host: Host, member: string): Promise<string[]> {
  const volumes = await host.list('/sys/fs/btrfs');
  for (const volume of volumes.ok ? volumes.value : []) {
    const devices = await host.list(`/sys/fs/btrfs/${volume}/devices`);
    if (devices.ok && devices.value.includes(member)) return devices.value;
  }
  return [member];
}
