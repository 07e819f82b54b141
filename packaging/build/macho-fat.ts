/** Apple's mach-o/fat.h and mach/machine.h. */
const FAT_MAGIC = 0xcafebabe;
const PROCESSORS = { arm64: 0x0100000c, x86_64: 0x01000007 };

/** The part for one processor of a universal file; a file for one processor is its own part. Throws where it has none. */
export function thinSlice(file: Buffer, processor: keyof typeof PROCESSORS): Buffer {
  if (file.readUInt32BE(0) !== FAT_MAGIC) return file;
  for (let index = 0; index < file.readUInt32BE(4); index += 1) {
    const at = 8 + 20 * index;
    if (file.readUInt32BE(at) !== PROCESSORS[processor]) continue;
    const offset = file.readUInt32BE(at + 8);
    return file.subarray(offset, offset + file.readUInt32BE(at + 12));
  }
  throw new Error(`nothing for ${processor} in it`);
}
