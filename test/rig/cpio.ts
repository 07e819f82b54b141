/** One entry of an archive in the kernel's `newc` form. */
export type Entry = { path: string; mode: number; data?: Buffer; device?: [major: number, minor: number] };

export const directory = 0o040755;
export const program = 0o100755;
export const characterDevice = 0o020600;

/** An initial RAM disk: the kernel takes it uncompressed, and making device nodes needs no rights this way. */
export function cpio(entries: readonly Entry[]): Buffer {
  const parts = entries.map((entry, at) => record(entry, at + 1));
  return Buffer.concat([...parts, record({ path: 'TRAILER!!!', mode: 0 }, 0)]);
}

function record({ path, mode, data = Buffer.alloc(0), device = [0, 0] }: Entry, inode: number): Buffer {
  const name = Buffer.from(`${path}\0`);
  const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, ...device, name.length, 0];
  const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
  return Buffer.concat([padded(Buffer.concat([Buffer.from(head), name])), padded(data)]);
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
