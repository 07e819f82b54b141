import { describe, expect, test } from 'vitest';
import { parseMachO, signMachO, verifyMachO } from '../../packaging/build/macho.ts';

const CONTENT = 20_000;

/** The least that can be signed: two segments, one section, room for a load command. */
function machO(): Buffer {
  const file = Buffer.alloc(CONTENT, 7);
  file.fill(0, 0, 4_096);
  file.writeUInt32LE(0xfeedfacf, 0);
  file.writeUInt32LE(2, 16);
  file.writeUInt32LE(152 + 72, 20);
  segment(file, 32, '__TEXT', { offset: 0, size: 16_384, sections: 1 });
  segment(file, 32 + 152, '__LINKEDIT', { offset: 16_384, size: CONTENT - 16_384, sections: 0 });
  return file;
}

type Place = { offset: number; size: number; sections: 0 | 1 };

function segment(file: Buffer, at: number, name: string, { offset, size, sections }: Place) {
  file.writeUInt32LE(0x19, at);
  file.writeUInt32LE(72 + 80 * sections, at + 4);
  file.write(name, at + 8, 'latin1');
  file.writeBigUInt64LE(BigInt(offset), at + 40);
  file.writeBigUInt64LE(BigInt(size), at + 48);
  file.writeUInt32LE(sections, at + 64);
  if (sections === 1) file.writeUInt32LE(4_096, at + 72 + 48);
}

const identifier = 'org.drawbridge.test';

describe('an ad-hoc signature', () => {
  const signed = signMachO(machO(), { identifier, entitlements: '<plist/>' });

  test('covers every byte before it, and says whose it is', () => {
    expect(verifyMachO(machO())).toBeNull();
    expect(verifyMachO(signed)).toEqual({ identifier, pages: 5, wrongPages: 0, wholeFile: true });
    expect(signed.subarray(4_096, CONTENT)).toEqual(machO().subarray(4_096));
    expect(parseMachO(signed).signature).toMatchObject({ offset: CONTENT });
  });

  test('is broken by any change', () => {
    const changed = Buffer.from(signed);
    changed.writeUInt8(8, 9_000);
    expect(verifyMachO(changed)?.wrongPages).toBe(1);
  });

  test('is replaced, not piled up, and always the same', () => {
    expect(signMachO(signed, { identifier, entitlements: '<plist/>' })).toEqual(signed);
  });

  test('needs room and a file that ends where it says', () => {
    const full = machO();
    full.writeUInt32LE(260, 32 + 72 + 48);
    expect(() => signMachO(full, { identifier })).toThrow('no room');
    expect(() => signMachO(Buffer.concat([machO(), Buffer.of(1)]), { identifier })).toThrow('not at the end');
    expect(() => signMachO(Buffer.alloc(64), { identifier })).toThrow('not a thin 64-bit Mach-O');
  });
});
