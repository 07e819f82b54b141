import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lineCutter } from '../../src/wire/lines.ts';

test('lines come out the same however the bytes are cut', () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !text.includes('\n'));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 6 }), fc.integer({ min: 1, max: 7 }), (lines, size) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      const cut = lineCutter(1_000);
      const found: string[] = [];
      for (let at = 0; at < bytes.length; at += size)
        found.push(...(cut(bytes.subarray(at, at + size)) ?? ['broken']));
      expect(found).toEqual(lines.map((text) => Buffer.from(text).toString('utf8')));
    }),
    { numRuns: 100 },
  );
});

test('a line of exactly the limit is taken; one byte more ends it for good, also without a newline', () => {
  const cut = lineCutter(4);
  expect(cut(Buffer.from('abcd\n'))).toEqual(['abcd']);
  expect(cut(Buffer.from('ab'))).toEqual([]);
  expect(cut(Buffer.from('cde'))).toBeNull();
  expect(cut(Buffer.from('\nx\n'))).toBeNull();
});
