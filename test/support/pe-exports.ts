/** A copy of a 64-bit Windows library that has one name fewer among what it exports; the table stays in order. */
export function withoutExport(library: Uint8Array, name: string): Buffer {
  const copy = Buffer.from(library);
  const at = nameOffsets(copy).find((offset) => nameAt(copy, offset) === name);
  if (at === undefined) throw new Error(`the library exports no ${name}`);
  // One lower than the last character: still after the names before it, and nobody asks for it.
  copy.writeUInt8(copy.readUInt8(at + name.length - 1) - 1, at + name.length - 1);
  return copy;
}

type Section = { address: number; size: number; file: number };

/** Where in the file the exported names lie: the export directory is the first of the optional header's. */
function nameOffsets(file: Buffer): number[] {
  const header = file.readUInt32LE(0x3c) + 24;
  const sections = sectionsOf(file, header);
  const toFile = (address: number) => {
    const one = sections.find(
      (section) => address >= section.address && address < section.address + section.size,
    );
    if (one === undefined) throw new Error(`no section has address ${address}`);
    return address - one.address + one.file;
  };
  const directory = toFile(file.readUInt32LE(header + 112));
  const count = file.readUInt32LE(directory + 24);
  const names = toFile(file.readUInt32LE(directory + 32));
  return Array.from({ length: count }, (_, i) => toFile(file.readUInt32LE(names + 4 * i)));
}

function sectionsOf(file: Buffer, header: number): Section[] {
  const count = file.readUInt16LE(header - 18);
  const first = header + file.readUInt16LE(header - 4);
  return Array.from({ length: count }, (_, i) => {
    const at = first + 40 * i;
    const size = Math.max(file.readUInt32LE(at + 8), file.readUInt32LE(at + 16));
    return { address: file.readUInt32LE(at + 12), size, file: file.readUInt32LE(at + 20) };
  });
}

function nameAt(file: Buffer, offset: number): string {
  return file.toString('latin1', offset, file.indexOf(0, offset));
}
