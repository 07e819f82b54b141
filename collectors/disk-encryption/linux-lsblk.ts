import { z } from 'zod';
import { lsblk } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import { parseJson } from '../json.ts';
import type { BlockDevice, BlockTree, Crypt } from './linux-block.ts';
import { mapped, readHeader } from './linux-crypt.ts';

/** A tree with what is mounted where, since lsblk says both. */
export type MountedTree = BlockTree & {
  /** Names by `major:minor`. */
  numbers: ReadonlyMap<string, string>;
  /** `[SWAP]` is swap; a device mounted in several places is there several times. */
  mounts: readonly { point: string; device: string }[];
};

/** One line of lsblk's tree. A device with several parents is printed below each of them. */
type Row = {
  name: string;
  number: string;
  type: string;
  filesystem: string | null;
  points: string[];
  parent: Row | null;
  removable: boolean;
};

const COLUMNS = 'NAME,MAJ:MIN,TYPE,FSTYPE,MOUNTPOINT,RM,TRAN';

/** For systems where sysfs does not show block devices. Null when lsblk does not answer either. */
export async function readLsblk(host: Host): Promise<MountedTree | null> {
  const json = await host.run(lsblk, ['-J', '-b', '-o', COLUMNS]);
  // util-linux before 2.27 knows no JSON.
  const text = json.code === 0 ? null : await host.run(lsblk, []);
  const tree = text ? parseLsblkText(text.code === 0 ? text.stdout : '') : parseLsblkJson(json.stdout);
  return tree && { ...tree, devices: await withHeaders(host, tree.devices) };
}

/** lsblk knows that a device is LUKS; how far it is encrypted says its header. */
async function withHeaders(
  host: Host,
  devices: ReadonlyMap<string, BlockDevice>,
): Promise<ReadonlyMap<string, BlockDevice>> {
  const read = [...devices].map(async ([name, device]): Promise<[string, BlockDevice]> => {
    if (device.crypt?.method !== LUKS) return [name, device];
    return [name, { ...device, crypt: await readHeader(host, LUKS, device.below[0] ?? null) }];
  });
  return new Map(await Promise.all(read));
}

const node = z.object({
  name: z.string(),
  'maj:min': z.string().default(''),
  type: z.string().default(''),
  fstype: z.string().nullish(),
  mountpoint: z.string().nullish(),
  mountpoints: z.array(z.string().nullable()).nullish(),
  // Strings before util-linux 2.33.
  rm: z.union([z.boolean(), z.string()]).nullish(),
  tran: z.string().nullish(),
  get children() {
    return z.array(node).max(1_000).optional();
  },
});

type Node = z.infer<typeof node>;

export function parseLsblkJson(text: string): MountedTree | null {
  const listing = z.object({ blockdevices: z.array(node).max(1_000) }).safeParse(parseJson(text));
  return listing.success ? treeOf(listing.data.blockdevices.flatMap((one) => rowsOf(one, null))) : null;
}

function rowsOf(one: Node, parent: Row | null): Row[] {
  const points = [one.mountpoint, ...(one.mountpoints ?? [])].filter((point) => typeof point === 'string');
  const row: Row = {
    name: one.name,
    number: one['maj:min'].trim(),
    type: one.type,
    filesystem: one.fstype ?? null,
    points: [...new Set(points)],
    parent,
    removable: one.rm === true || one.rm === '1' || one.tran === 'usb',
  };
  return [row, ...(one.children ?? []).flatMap((child) => rowsOf(child, row))];
}

const HEADER = /^NAME\s+MAJ:MIN\s+RM\s+SIZE\s+RO\s+TYPE\s+MOUNTPOINTS?\s*$/;
/** Longer lines are no devices, and the pattern takes too long over them. */
const MAX_LINE = 500;
/** Tree lines are two characters a level, drawn in ASCII in the C locale. A name may end in ` (dm-0)`. */
const LINE = /^([\s|`│├└─-]*)(\S+)(?: \(\S+\))?\s+(\d+:\d+)\s+([01])\s+\S+\s+[01]\s+(\S+)\s*(.*)$/;

/** The table that lsblk prints without options. */
export function parseLsblkText(text: string): MountedTree | null {
  const [header = '', ...lines] = text.split('\n');
  if (!HEADER.test(header)) return null;
  const rows: Row[] = [];
  const path: Row[] = [];
  for (const line of lines) addLine(line, rows, path);
  return rows.length > 0 ? treeOf(rows) : null;
}

/** `path` holds the rows from the top down to the line before. */
function addLine(line: string, rows: Row[], path: Row[]) {
  const [, indent = '', name, number = '', removable, type = '', point = ''] =
    LINE.exec(line.slice(0, MAX_LINE)) ?? [];
  // A second mount point of the same device stands alone on its line.
  if (name === undefined) return void rows.at(-1)?.points.push(...pointsIn(line.replace(/^[\s|│]*/, '')));
  const depth = indent.length / 2;
  const parent = path[depth - 1] ?? null;
  const row = {
    name,
    number,
    type,
    filesystem: null,
    points: pointsIn(point),
    parent,
    removable: removable === '1',
  };
  path.splice(depth, path.length, row);
  rows.push(row);
}

function pointsIn(text: string): string[] {
  const point = text.trim();
  return point.startsWith('/') || point === '[SWAP]' ? [point] : [];
}

function treeOf(rows: readonly Row[]): MountedTree {
  const devices = new Map<string, BlockDevice>();
  for (const row of rows) devices.set(row.name, merged(devices.get(row.name), row));
  return {
    devices,
    numbers: new Map(rows.map(({ number, name }) => [number, name])),
    mounts: rows.flatMap(({ name, points }) => points.map((point) => ({ point, device: name }))),
  };
}

function merged(known: BlockDevice | undefined, row: Row): BlockDevice {
  // A partition is part of its disk, not a layer above it; so is one of a multipath disk.
  const layer = row.type !== 'part' || row.parent?.type === 'mpath';
  const below = row.parent && layer ? [row.parent.name] : [];
  return {
    name: row.name,
    label: row.name,
    below: [...new Set([...(known?.below ?? []), ...below])],
    crypt: known?.crypt ?? cryptOf(row),
    removable: row.removable || row.parent?.removable === true,
  };
}

const LUKS = 'luks';
const CONTAINERS: Readonly<Record<string, string>> = { crypto_LUKS: LUKS, BitLocker: 'bitlocker' };

/** lsblk calls dm-verity and dm-integrity `crypt` as well; the signature below tells them apart. */
function cryptOf({ type, parent }: Row): Crypt | null {
  if (type !== 'crypt' || parent?.filesystem?.startsWith('DM_')) return null;
  return mapped(CONTAINERS[parent?.filesystem ?? ''] ?? 'dm-crypt');
}
