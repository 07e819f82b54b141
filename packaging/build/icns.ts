import { drawIcon } from '../../src/tray/icon.ts';
import { toPng } from '../../src/tray/png.ts';

/** Kinds of a macOS icon that hold a PNG, and their sides in pixels. */
const KINDS = [
  ['ic11', 32],
  ['ic12', 64],
  ['ic07', 128],
  ['ic08', 256],
  ['ic09', 512],
] as const;

/** The program's icon as a file of macOS. */
export function macosIcon(): Buffer {
  const entries = KINDS.flatMap(([kind, size]) => {
    const png = toPng(drawIcon('green', size));
    return [head(kind, png.length), png];
  });
  const length = entries.reduce((sum, one) => sum + one.length, 0);
  return Buffer.concat([head('icns', length), ...entries]);
}

/** Four letters, and how long it is with them. */
function head(kind: string, length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.write(kind, 'latin1');
  bytes.writeUInt32BE(8 + length, 4);
  return bytes;
}
