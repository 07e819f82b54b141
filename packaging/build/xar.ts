import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { escapeXml } from './plist.ts';

/** A file of an archive. What is compressed already is taken as it is. */
export type Member = { name: string; content: Buffer; isCompressed: boolean };

/** A folder of the archive and what is in it. */
export type Folder = { name: string; members: readonly Member[] };

const HEADER = 28;
const SHA1 = 20;
const SHA1_ID = 1;

/** An archive of xar(1), the form of macOS packages: a compressed table of contents in XML, then the files' bytes. */
export function toXar(items: readonly (Folder | Member)[], epoch: number): Buffer {
  const heap: Buffer[] = [Buffer.alloc(SHA1)];
  const time = new Date(epoch * 1_000).toISOString().slice(0, 19);
  let id = 0;
  const file = ({ name, content, isCompressed }: Member): string => {
    const packed = isCompressed ? content : deflateSync(content, { level: 9 });
    const offset = heap.reduce((sum, one) => sum + one.length, 0);
    heap.push(packed);
    const encoding = isCompressed ? 'application/octet-stream' : 'application/x-gzip';
    const data = `<length>${packed.length}</length><offset>${offset}</offset><size>${content.length}</size><encoding style="${encoding}"/>${digest('extracted', content)}${digest('archived', packed)}`;
    return `${opening(name, 'file')}<data>${data}</data><mtime>${time}Z</mtime></file>`;
  };
  const opening = (name: string, type: 'file' | 'directory') => {
    id += 1;
    const mode = type === 'file' ? '0644' : '0755';
    return `<file id="${id}"><name>${escapeXml(name)}</name><type>${type}</type><mode>${mode}</mode><uid>0</uid><gid>0</gid>`;
  };
  const body = items.map((item) =>
    'members' in item
      ? `${opening(item.name, 'directory')}${item.members.map(file).join('')}</file>`
      : file(item),
  );
  const checksum = `<checksum style="sha1"><offset>0</offset><size>${SHA1}</size></checksum>`;
  const contents = Buffer.from(
    `<?xml version="1.0" encoding="UTF-8"?>\n<xar><toc><creation-time>${time}</creation-time>${checksum}${body.join('')}</toc></xar>`,
  );
  const packed = deflateSync(contents, { level: 9 });
  heap[0] = createHash('sha1').update(packed).digest();
  return Buffer.concat([header(packed.length, contents.length), packed, ...heap]);
}

/** SHA-1 is what the form is read with everywhere; it finds damage. Who made a package, its signature says. */
function digest(of: 'extracted' | 'archived', bytes: Buffer): string {
  const sum = createHash('sha1').update(bytes).digest('hex');
  return `<${of}-checksum style="sha1">${sum}</${of}-checksum>`;
}

function header(packed: number, contents: number): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes.write('xar!', 'latin1');
  bytes.writeUInt16BE(HEADER, 4);
  bytes.writeUInt16BE(1, 6);
  bytes.writeBigUInt64BE(BigInt(packed), 8);
  bytes.writeBigUInt64BE(BigInt(contents), 16);
  bytes.writeUInt32BE(SHA1_ID, 24);
  return bytes;
}
