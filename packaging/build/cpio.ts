/** A file, folder or link of a macOS package. */
export type Entry = {
  /** `.` for the root, else `./` and the path. */
  path: string;
  /** With the kind of file, as in `st_mode`. */
  mode: number;
  gid: number;
  /** A file's bytes, or where a link leads. */
  content: Buffer;
};

export const KIND = { folder: 0o040000, file: 0o100000, link: 0o120000, mask: 0o170000 } as const;

export function isFolder({ mode }: Pick<Entry, 'mode'>): boolean {
  return (mode & KIND.mask) === KIND.folder;
}

/** The portable ASCII form ("odc") of cpio(5), which macOS' installer reads. All files are root's. */
export function toCpio(entries: readonly Entry[], epoch: number): Buffer {
  const parts = entries.flatMap(({ path, mode, gid, content }, index) => [
    header(path, { inode: index + 1, mode, gid, links: isFolder({ mode }) ? 2 : 1, epoch }, content.length),
    content,
  ]);
  const end = header('TRAILER!!!', { inode: 0, mode: 0, gid: 0, links: 1, epoch: 0 }, 0);
  return Buffer.concat([...parts, end]);
}

type Head = { inode: number; mode: number; gid: number; links: number; epoch: number };

function header(path: string, { inode, mode, gid, links, epoch }: Head, size: number): Buffer {
  const name = Buffer.from(`${path}\0`);
  const device = 0;
  const short = [device, inode, mode, 0, gid, links, device].map((value) => octal(value, 6)).join('');
  const text = `070707${short}${octal(epoch, 11)}${octal(name.length, 6)}${octal(size, 11)}`;
  return Buffer.concat([Buffer.from(text, 'latin1'), name]);
}

/** Throws where the field is too small for it. */
function octal(value: number, digits: number): string {
  const text = value.toString(8).padStart(digits, '0');
  if (text.length > digits) throw new Error(`${value} does not fit into ${digits} octal digits`);
  return text;
}
