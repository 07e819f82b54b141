import { createHash } from 'node:crypto';
import { entitlementsDer } from './entitlements.ts';

/*
 * Ad-hoc code signatures of Mach-O executables (one processor, 64 bits), made without Apple's tools. arm64 Macs start
 * nothing unsigned, and putting our code into Node takes Node's signature away. Formats: Apple's
 * mach-o/loader.h and xnu's bsd/sys/codesign.h (cs_blobs.h).
 */

const MAGIC_64 = 0xfeedfacf;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const PAGE = 4_096;
const SLOT = 32;

const CSMAGIC = {
  requirements: 0xfade0c01,
  directory: 0xfade0c02,
  superblob: 0xfade0cc0,
  cms: 0xfade0b01,
  entitlements: 0xfade7171,
  entitlementsDer: 0xfade7172,
};
const SLOTS = {
  directory: 0,
  info: 1,
  requirements: 2,
  resources: 3,
  entitlements: 5,
  entitlementsDer: 7,
  cms: 0x10000,
};

const MH_EXECUTE = 2;
/** CS_ADHOC and CS_RUNTIME: nobody's signature, and the hardened runtime. */
const ADHOC = 0x2;
const HARDENED = 0x10000;
/** The version of macOS whose hardened runtime is meant: 13.5, the least that runs our Node. */
const RUNTIME = 0x000d0500;
const DIRECTORY_HEAD = 96;
/** Bytes of a directory's hash by which code is named. */
const CODE_HASH = 20;

type Segment = { at: number; offset: number; size: number };

type MachO = {
  commands: number;
  commandBytes: number;
  /** First byte behind the load commands, and the first one that something else uses. */
  end: number;
  firstUsed: number;
  text: Segment;
  linkedit: Segment;
  signature: { at: number; offset: number; size: number } | null;
};

/** Reads what signing needs. Throws on anything else than a thin 64-bit Mach-O. */
export function parseMachO(file: Buffer): MachO {
  if (file.readUInt32LE(0) !== MAGIC_64) throw new Error('not a thin 64-bit Mach-O');
  const commands = file.readUInt32LE(16);
  const commandBytes = file.readUInt32LE(20);
  const segments = new Map<string, Segment>();
  let signature: MachO['signature'] = null;
  let firstUsed = Infinity;
  let at = 32;
  for (let index = 0; index < commands; index += 1) {
    const kind = file.readUInt32LE(at);
    if (kind === LC_SEGMENT_64) {
      segments.set(nameAt(file, at + 8), segmentAt(file, at));
      firstUsed = Math.min(firstUsed, firstSection(file, at));
    }
    if (kind === LC_CODE_SIGNATURE)
      signature = { at, offset: file.readUInt32LE(at + 8), size: file.readUInt32LE(at + 12) };
    at += file.readUInt32LE(at + 4);
  }
  const text = segments.get('__TEXT');
  const linkedit = segments.get('__LINKEDIT');
  if (text === undefined || linkedit === undefined) throw new Error('no __TEXT or no __LINKEDIT');
  return { commands, commandBytes, end: 32 + commandBytes, firstUsed, text, linkedit, signature };
}

function nameAt(file: Buffer, at: number): string {
  return file.toString('latin1', at, at + 16).replace(/\0.*$/s, '');
}

function segmentAt(file: Buffer, at: number): Segment {
  return { at, offset: Number(file.readBigUInt64LE(at + 40)), size: Number(file.readBigUInt64LE(at + 48)) };
}

function firstSection(file: Buffer, at: number): number {
  const offsets = Array.from({ length: file.readUInt32LE(at + 64) }, (_, index) =>
    file.readUInt32LE(at + 72 + 80 * index + 48),
  );
  return Math.min(Infinity, ...offsets.filter((offset) => offset > 0));
}

export type Signing = {
  identifier: string;
  /** A property list as text, for a program; a library has none. */
  entitlements?: string;
  /** Of the app whose main program this is: its Info.plist and the seal of its other files. */
  app?: { info: Buffer; resources: Buffer };
};

/** The file with an ad-hoc signature in place of the one it has, if any. */
export function signMachO(file: Buffer, signing: Signing): Buffer {
  const parsed = parseMachO(file);
  const end = contentEnd(file, parsed);
  const inner = innerBlobs(signing);
  const { identifier, app } = signing;
  const sealed: [number, Buffer][] =
    app === undefined
      ? []
      : [
          [SLOTS.info, app.info],
          [SLOTS.resources, app.resources],
        ];
  const isProgram = file.readUInt32LE(12) === MH_EXECUTE;
  const directory = directoryFor({ identifier, isProgram }, end, parsed.text, [...inner, ...sealed]);
  const blobs: [number, Buffer][] = [
    [SLOTS.directory, directory.bytes],
    ...inner,
    [SLOTS.cms, blob(CSMAGIC.cms, Buffer.alloc(0))],
  ];
  const size = align(superblob(blobs).length, 16);
  const out = Buffer.alloc(end + size);
  file.copy(out, 0, 0, Math.min(file.length, end));
  writeCommands(out, parsed, end, size);
  directory.hashPages(out.subarray(0, end));
  superblob(blobs).copy(out, end);
  return out;
}

/** What the signature holds besides the hashes: no requirements, and the entitlements in both of their forms. */
function innerBlobs({ entitlements }: Signing): [number, Buffer][] {
  const requirements: [number, Buffer] = [SLOTS.requirements, blob(CSMAGIC.requirements, Buffer.alloc(4))];
  if (entitlements === undefined) return [requirements];
  return [
    requirements,
    [SLOTS.entitlements, blob(CSMAGIC.entitlements, Buffer.from(entitlements))],
    [SLOTS.entitlementsDer, blob(CSMAGIC.entitlementsDer, entitlementsDer(entitlements))],
  ];
}

/** Where the signature goes: in the old one's place, or behind everything. */
function contentEnd(file: Buffer, { signature, linkedit, end, firstUsed }: MachO): number {
  if (signature !== null) {
    if (signature.offset + signature.size !== file.length) throw new Error('the signature is not at the end');
    return signature.offset;
  }
  if (linkedit.offset + linkedit.size !== file.length) throw new Error('__LINKEDIT is not at the end');
  if (end + 16 > firstUsed) throw new Error('no room for another load command');
  return align(file.length, 16);
}

function writeCommands(out: Buffer, parsed: MachO, offset: number, size: number): void {
  const at = parsed.signature?.at ?? parsed.end;
  if (parsed.signature === null) {
    out.writeUInt32LE(parsed.commands + 1, 16);
    out.writeUInt32LE(parsed.commandBytes + 16, 20);
    out.writeUInt32LE(LC_CODE_SIGNATURE, at);
    out.writeUInt32LE(16, at + 4);
  }
  out.writeUInt32LE(offset, at + 8);
  out.writeUInt32LE(size, at + 12);
  const fileSize = offset + size - parsed.linkedit.offset;
  out.writeBigUInt64LE(BigInt(align(fileSize, 16_384)), parsed.linkedit.at + 32);
  out.writeBigUInt64LE(BigInt(fileSize), parsed.linkedit.at + 48);
}

type Whose = { identifier: string; isProgram: boolean };

/** The code directory, whose hashes of pages are filled in once the file's head is as it will be. */
function directoryFor(
  { identifier, isProgram }: Whose,
  end: number,
  text: Segment,
  special: readonly [number, Buffer][],
) {
  const name = Buffer.from(`${identifier}\0`);
  const pages = Math.ceil(end / PAGE);
  const slots = Math.max(...special.map(([slot]) => slot));
  const hashes = DIRECTORY_HEAD + name.length + slots * SLOT;
  const bytes = Buffer.alloc(hashes + pages * SLOT);
  // magic, length, version 2.5, flags, where hashes and name are, how many of each, where the code ends
  const flags = isProgram ? ADHOC | HARDENED : ADHOC;
  const head = [CSMAGIC.directory, bytes.length, 0x20500, flags, hashes, DIRECTORY_HEAD, slots, pages, end];
  for (const [index, value] of head.entries()) bytes.writeUInt32BE(value, index * 4);
  // 32 bytes a hash, SHA-256, no platform, pages of 2^12
  bytes.set([SLOT, 2, 0, 12], 36);
  bytes.writeBigUInt64BE(BigInt(text.offset), 64);
  bytes.writeBigUInt64BE(BigInt(text.size), 72);
  // CS_EXECSEG_MAIN_BINARY
  bytes.writeBigUInt64BE(isProgram ? 1n : 0n, 80);
  bytes.writeUInt32BE(isProgram ? RUNTIME : 0, 88);
  name.copy(bytes, DIRECTORY_HEAD);
  for (const [slot, content] of special) sha256(content).copy(bytes, hashes - slot * SLOT);
  const hashPages = (code: Buffer) => {
    for (let page = 0; page < pages; page += 1)
      sha256(code.subarray(page * PAGE, (page + 1) * PAGE)).copy(bytes, hashes + page * SLOT);
  };
  return { bytes, hashPages };
}

function superblob(blobs: readonly [number, Buffer][]): Buffer {
  const head = Buffer.alloc(12 + 8 * blobs.length);
  let at = head.length;
  for (const [index, [slot, content]] of blobs.entries()) {
    head.writeUInt32BE(slot, 12 + 8 * index);
    head.writeUInt32BE(at, 16 + 8 * index);
    at += content.length;
  }
  head.writeUInt32BE(CSMAGIC.superblob, 0);
  head.writeUInt32BE(at, 4);
  head.writeUInt32BE(blobs.length, 8);
  return Buffer.concat([head, ...blobs.map(([, content]) => content)]);
}

function blob(magic: number, content: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(magic, 0);
  head.writeUInt32BE(8 + content.length, 4);
  return Buffer.concat([head, content]);
}

export type Seen = {
  identifier: string;
  pages: number;
  wrongPages: number;
  wholeFile: boolean;
  isHardened: boolean;
  /** What the directory says of other things than pages, by slot: SHA-256. */
  special: ReadonlyMap<number, Buffer>;
};

/** What a file's signature says and whether its hashes are right; null where there is none. SHA-256 directories only. */
export function verifyMachO(file: Buffer): Seen | null {
  const { signature, linkedit } = parseMachO(file);
  const directory = signature === null ? null : directoryIn(file.subarray(signature.offset));
  if (signature === null || directory === null) return null;
  const [flags, hashes, nameAt, slots, pages, limit] = [12, 16, 20, 24, 28, 32].map((field) =>
    directory.readUInt32BE(field),
  ) as [number, number, number, number, number, number];
  const pageSize = 1 << (directory[39] ?? 0);
  const hashAt = (index: number) => directory.subarray(hashes + index * SLOT, hashes + (index + 1) * SLOT);
  const wrong = Array.from({ length: pages }, (_, page) => {
    const content = file.subarray(page * pageSize, Math.min(limit, (page + 1) * pageSize));
    return sha256(content).equals(hashAt(page));
  }).filter((right) => !right).length;
  return {
    identifier: directory.toString('latin1', nameAt, directory.indexOf(0, nameAt)),
    pages,
    wrongPages: wrong,
    wholeFile: limit === signature.offset && linkedit.offset + linkedit.size === file.length,
    isHardened: (flags & HARDENED) !== 0,
    special: new Map(Array.from({ length: slots }, (_, index) => [index + 1, hashAt(-index - 1)])),
  };
}

/** By what a signed file is named where another signature seals it. Throws where it has no signature. */
export function codeHash(file: Buffer): Buffer {
  const { signature } = parseMachO(file);
  const directory = signature === null ? null : directoryIn(file.subarray(signature.offset));
  if (directory === null) throw new Error('it is not signed');
  return sha256(directory).subarray(0, CODE_HASH);
}

/** The directory of SHA-256 among a signature's parts. */
function directoryIn(all: Buffer): Buffer | null {
  const offsets = Array.from({ length: all.readUInt32BE(8) }, (_, index) => all.readUInt32BE(16 + 8 * index));
  const at = offsets.find(
    (offset) => all.readUInt32BE(offset) === CSMAGIC.directory && all[offset + 37] === 2,
  );
  return at === undefined ? null : all.subarray(at, at + all.readUInt32BE(at + 4));
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
