import { basename, dirname } from 'node:path/posix';
import { cksum } from './cksum.ts';
import { isFolder, KIND, type Entry } from './cpio.ts';

/*
 * A "bill of materials" (bom(5)), by which macOS remembers what a package has installed. Apple describes the file nowhere;
 * this is the form that the free readers of it agree on: blocks by number, a table of them, and a few named ones.
 */

const HEAD = 512;
const BLOCK = 4_096;
/** Paths that one leaf of the tree holds. */
const MOST = 256;

/** Numbered blocks in the order in which they were added; number 0 is nobody's. */
type Blocks = { add(bytes: Buffer): number; set(block: number, bytes: Buffer): void; all: Buffer[] };

/** The bill of these entries, whose parents have to be among them. */
export function toBom(entries: readonly Entry[], epoch: number): Buffer {
  if (entries.length > MOST) throw new Error(`more than ${MOST} files in one package`);
  const blocks = createBlocks();
  const info = blocks.add(words(1, entries.length, 0));
  const paths = blocks.add(Buffer.alloc(0));
  blocks.set(paths, tree(blocks.add(leaf(pathsOf(entries, blocks, epoch), BLOCK)), BLOCK, entries.length));
  const links = blocks.add(tree(blocks.add(leaf([], BLOCK)), BLOCK, 0));
  const small = blocks.add(tree(blocks.add(leaf([], 128)), 128, 0));
  const volumes = blocks.add(Buffer.concat([words(1, small, 0), Buffer.of(0)]));
  const large = blocks.add(tree(blocks.add(leaf([], BLOCK)), BLOCK, 0));
  const names = { BomInfo: info, Paths: paths, HLIndex: links, VIndex: volumes, Size64: large };
  return assemble(blocks.all, names);
}

function createBlocks(): Blocks {
  const all: Buffer[] = [Buffer.alloc(0)];
  return { add: (bytes) => all.push(bytes) - 1, set: (block, bytes) => void (all[block] = bytes), all };
}

/** Pairs of blocks for the leaf, folder by folder from the root down, so that a parent has the lower number. */
function pathsOf(entries: readonly Entry[], blocks: Blocks, epoch: number): [number, number][] {
  const sorted = entries.toSorted((a, b) => depth(a) - depth(b));
  const ids = new Map(sorted.map(({ path }, index) => [path, index + 1]));
  const rows = sorted.map((entry) => {
    const parent = entry.path === '.' ? 0 : ids.get(dirname(entry.path));
    if (parent === undefined) throw new Error(`the folder of ${entry.path} is not in the package`);
    return { entry, parent, id: ids.get(entry.path) ?? 0, name: basename(entry.path) };
  });
  // By parent, then by name: readers look paths up by halves.
  const inOrder = rows.toSorted((a, b) => a.parent - b.parent || (a.name < b.name ? -1 : 1));
  return inOrder.map(({ entry, parent, id, name }) => {
    const what = blocks.add(description(entry, epoch));
    const where = blocks.add(Buffer.concat([words(parent), Buffer.from(`${name}\0`)]));
    return [blocks.add(words(id, what)), where];
  });
}

function depth({ path }: Entry): number {
  return path.split('/').length;
}

/** 31 bytes and where a link leads: kind, architecture, mode, owner, group, time, size, checksum. */
function description({ mode, gid, content }: Entry, epoch: number): Buffer {
  const folder = isFolder({ mode });
  const isLink = (mode & KIND.mask) === KIND.link;
  const bytes = Buffer.alloc(31);
  bytes.set([folder ? 2 : isLink ? 3 : 1, 1, 0, 15]);
  bytes.writeUInt16BE(mode, 4);
  bytes.writeUInt32BE(gid, 10);
  bytes.writeUInt32BE(epoch, 14);
  bytes.writeUInt32BE(folder ? 0 : content.length, 18);
  bytes[22] = 1;
  bytes.writeUInt32BE(folder ? 0 : cksum(content), 23);
  const target = isLink ? Buffer.concat([content, Buffer.of(0)]) : Buffer.alloc(0);
  bytes.writeUInt32BE(target.length, 27);
  return Buffer.concat([bytes, target]);
}

function tree(child: number, size: number, count: number): Buffer {
  return Buffer.concat([Buffer.from('tree'), words(1, child, size, count), Buffer.of(0)]);
}

/** A leaf with no neighbours. */
function leaf(pairs: readonly [number, number][], size: number): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt16BE(1, 0);
  bytes.writeUInt16BE(pairs.length, 2);
  words(...pairs.flat()).copy(bytes, 12);
  return bytes;
}

function assemble(blocks: readonly Buffer[], names: Readonly<Record<string, number>>): Buffer {
  let at = HEAD;
  const places = blocks.map((bytes) => {
    const place = bytes.length === 0 ? [0, 0] : [at, bytes.length];
    at += bytes.length;
    return words(...place);
  });
  const named = Object.entries(names).map(([name, block]) =>
    Buffer.concat([words(block), Buffer.of(name.length), Buffer.from(name)]),
  );
  const variables = Buffer.concat([words(named.length), ...named]);
  // Behind the table a list of free places: two empty ones.
  const table = Buffer.concat([words(places.length), ...places, words(2, 0, 0, 0, 0)]);
  const head = Buffer.alloc(HEAD);
  head.write('BOMStore', 'latin1');
  const fields = [1, blocks.length - 1, at + variables.length, table.length, at, variables.length];
  words(...fields).copy(head, 8);
  return Buffer.concat([head, ...blocks, variables, table]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, 4 * index);
  return bytes;
}
