import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { entitlementsDer } from '../../packaging/build/entitlements.ts';
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
const entitlements =
  '<plist version="1.0"><dict><key>com.apple.security.cs.allow-jit</key><true/></dict></plist>';

describe('an ad-hoc signature', () => {
  const signed = signMachO(machO(), { identifier, entitlements });

  test('covers every byte before it, and says whose it is', () => {
    expect(verifyMachO(machO())).toBeNull();
    expect(verifyMachO(signed)).toMatchObject({
      identifier,
      pages: 5,
      wrongPages: 0,
      wholeFile: true,
      isHardened: false,
    });
    expect(signed.subarray(4_096, CONTENT)).toEqual(machO().subarray(4_096));
    expect(parseMachO(signed).signature).toMatchObject({ offset: CONTENT });
  });

  test('of a program asks for the hardened runtime; of an app’s program it covers the app’s other files', () => {
    const program = machO();
    program.writeUInt32LE(2, 12);
    const app = { info: Buffer.from('info'), resources: Buffer.from('resources') };
    const seen = verifyMachO(signMachO(program, { identifier, entitlements, app }));
    expect(seen).toMatchObject({ wrongPages: 0, wholeFile: true, isHardened: true });
    const hash = (text: string) => createHash('sha256').update(text).digest();
    expect(seen?.special.get(1)).toEqual(hash('info'));
    expect(seen?.special.get(3)).toEqual(hash('resources'));
    expect(seen?.special.get(4)).toEqual(Buffer.alloc(32));
  });

  test('is broken by any change', () => {
    const changed = Buffer.from(signed);
    changed.writeUInt8(8, 9_000);
    expect(verifyMachO(changed)?.wrongPages).toBe(1);
  });

  test('is replaced, not piled up, and always the same', () => {
    expect(signMachO(signed, { identifier, entitlements })).toEqual(signed);
  });

  test('needs room and a file that ends where it says', () => {
    const full = machO();
    full.writeUInt32LE(260, 32 + 72 + 48);
    expect(() => signMachO(full, { identifier })).toThrow('no room');
    expect(() => signMachO(Buffer.concat([machO(), Buffer.of(1)]), { identifier })).toThrow('not at the end');
    expect(() => signMachO(Buffer.alloc(64), { identifier })).toThrow('not a thin 64-bit Mach-O');
  });
});

describe('entitlements in binary form', () => {
  const list = (inner: string) => `<plist version="1.0"><dict>${inner}</dict></plist>`;

  test('are what codesign(1) makes of them', () => {
    const bytes = [112, 15, 2, 1, 1, 176, 10, 48, 8, 12, 3, 107, 101, 121, 1, 1, 255];
    expect([...entitlementsDer(list('<key>key</key><true/>'))]).toEqual(bytes);
    expect([...entitlementsDer(list(''))]).toEqual([112, 5, 2, 1, 1, 176, 0]);
  });

  test('are in order of their names, whatever the list’s', () => {
    const one = '<key>a</key><true/>';
    const two = '<key>b</key><true/>';
    expect(entitlementsDer(list(two + one))).toEqual(entitlementsDer(list(one + two)));
  });

  test('that are not simply true are refused', () => {
    expect(() => entitlementsDer(list('<key>a</key><false/>'))).toThrow('a is not simply true');
    expect(() => entitlementsDer('nothing')).toThrow('no property list');
  });
});
