/** A file as a bill of materials tells of it. */
export type BomFile = {
  path: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Of cksum(1). */
  sum: number;
};

/*
 * Reads by the published layout (blocks, a table of them, named ones, one tree of paths), from the tree's end of it. The
 * same people wrote writer and reader: it finds slips, and no misunderstanding of the form that both would share.
 */
export function readBom(file: Buffer): BomFile[] {
  if (file.toString('latin1', 0, 8) !== 'BOMStore') throw new Error('no bill of materials');
  const [table = 0, variables = 0] = [file.readUInt32BE(16), file.readUInt32BE(24)];
  const block = (index: number) => {
    if (index >= file.readUInt32BE(table)) throw new Error(`no block ${index}`);
    const at = file.readUInt32BE(table + 4 + 8 * index);
    return file.subarray(at, at + file.readUInt32BE(table + 8 + 8 * index));
  };
  const root = block(named(file, variables, 'Paths'));
  if (root.toString('latin1', 0, 4) !== 'tree') throw new Error('no tree of paths');
  const leaf = block(root.readUInt32BE(8));
  const count = leaf.readUInt16BE(2);
  if (count !== root.readUInt32BE(16)) throw new Error('another number of paths than the tree says');
  const paths = new Map<number, string>([[0, '']]);
  return Array.from({ length: count }, (_, index) => {
    const value = block(leaf.readUInt32BE(12 + 8 * index));
    const key = block(leaf.readUInt32BE(16 + 8 * index));
    const parent = paths.get(key.readUInt32BE(0));
    if (parent === undefined) throw new Error('a path before its folder');
    const name = key.toString('utf8', 4, key.length - 1);
    const path = parent === '' ? name : `${parent}/${name}`;
    paths.set(value.readUInt32BE(0), path);
    const what = block(value.readUInt32BE(4));
    const [uid, gid, , size, sum] = [6, 10, 14, 18, 23].map((at) => what.readUInt32BE(at));
    return {
      path,
      mode: what.readUInt16BE(4),
      uid: uid ?? -1,
      gid: gid ?? -1,
      size: size ?? -1,
      sum: sum ?? -1,
    };
  });
}

function named(file: Buffer, at: number, wanted: string): number {
  let place = at + 4;
  for (let left = file.readUInt32BE(at); left > 0; left -= 1) {
    const length = file[place + 4] ?? 0;
    if (file.toString('latin1', place + 5, place + 5 + length) === wanted) return file.readUInt32BE(place);
    place += 5 + length;
  }
  throw new Error(`no ${wanted} in it`);
}
