import { expect, test } from 'vitest';
import { thinSlice } from '../../packaging/build/macho-fat.ts';

const ARM64 = 0x0100000c;
const X86_64 = 0x01000007;

function universal(): Buffer {
  const file = Buffer.alloc(120);
  const words = [0xcafebabe, 2, X86_64, 3, 60, 20, 0, ARM64, 0, 80, 40, 0];
  for (const [index, word] of words.entries()) file.writeUInt32BE(word, 4 * index);
  file.fill('x', 60, 80).fill('a', 80, 120);
  return file;
}

test('the part for one processor is taken out of a universal file', () => {
  expect(thinSlice(universal(), 'x86_64').toString()).toBe('x'.repeat(20));
  expect(thinSlice(universal(), 'arm64').toString()).toBe('a'.repeat(40));
});

test('a file for one processor is its own part; a missing part is an error', () => {
  const thin = Buffer.from('cffaedfe0c000001', 'hex');
  expect(thinSlice(thin, 'arm64')).toBe(thin);
  const other = universal();
  other.writeUInt32BE(7, 8);
  expect(() => thinSlice(other, 'x86_64')).toThrow('nothing for x86_64');
});
