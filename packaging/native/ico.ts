import type { Picture } from '../../src/tray/icon.ts';
import { toPng } from '../../src/tray/png.ts';

const HEADER = 6;
const ENTRY = 16;

/** One icon of Windows in several sizes (up to 255 pixels). */
export function toIco(pictures: readonly Picture[]): Buffer {
  const files = pictures.map((picture) => toPng(picture));
  const table = Buffer.alloc(HEADER + ENTRY * files.length);
  table.writeUInt16LE(1, 2);
  table.writeUInt16LE(files.length, 4);
  let offset = table.length;
  for (const [index, { size }] of pictures.entries()) {
    const at = HEADER + ENTRY * index;
    const bytes = files[index]?.length ?? 0;
    table.set([size, size], at);
    // Planes, bits a pixel, bytes, where.
    table.writeUInt16LE(1, at + 4);
    table.writeUInt16LE(32, at + 6);
    table.writeUInt32LE(bytes, at + 8);
    table.writeUInt32LE(offset, at + 12);
    offset += bytes;
  }
  return Buffer.concat([table, ...files]);
}
