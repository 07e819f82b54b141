import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mainMode, readIke, saInit } from '../../src/scan/ike.ts';

const SPI = Buffer.from('0102030405060708', 'hex');
const THEIRS = 'a1a2a3a4a5a6a7a8';

/** A message with this head (next payload, version, exchange, flags) and body. */
function answer(head: string, body: string, spi = SPI.toString('hex'), theirs = THEIRS): Buffer {
  const bytes = Buffer.from(`${spi}${theirs}${head}0000000000000000${body}`, 'hex');
  bytes.writeUInt32BE(bytes.length, 24);
  return bytes;
}

test('both first messages say their own length and carry the SPI', () => {
  for (const message of [mainMode(SPI), saInit(SPI, Buffer.alloc(256, 1), Buffer.alloc(32, 2))]) {
    expect(message.subarray(0, 8)).toEqual(SPI);
    expect(message.readUInt32BE(24)).toBe(message.length);
    expect(message.length).toBeLessThan(1_000);
  }
});

describe('answers', () => {
  test.each([
    [
      'main mode, a suite taken',
      answer('01100200', '00000034'),
      { version: 1, says: 'accepts', notify: null },
    ],
    [
      'main mode, no suite taken',
      answer('0b100500', '0000000c000000010100000e'),
      { version: 1, says: 'declines', notify: 14 },
    ],
    [
      'IKE_SA_INIT, a suite taken',
      answer('21202220', '22000030'),
      { version: 2, says: 'accepts', notify: null },
    ],
    [
      'IKE_SA_INIT, no suite taken',
      answer('29202220', '000000080000000e'),
      { version: 2, says: 'declines', notify: 14 },
    ],
  ])('%s', (_, bytes, expected) => {
    expect(readIke(bytes, SPI)).toEqual(expected);
  });
});

describe('what is no answer', () => {
  test.each([
    ['another SPI', answer('01100200', '00000034', 'ffffffffffffffff')],
    ['our own main mode come back', mainMode(SPI)],
    ['our own IKE_SA_INIT come back', saInit(SPI, Buffer.alloc(256, 1), Buffer.alloc(32, 2))],
    ['a length beyond the datagram', Buffer.concat([answer('01100200', '00000034').subarray(0, 30)])],
    ['version 3', answer('01300200', '00000034')],
    ['IKEv2 without the response flag', answer('21202200', '22000030')],
    ['no payload at all', answer('01100200', '')],
    ['nothing', Buffer.alloc(0)],
  ])('%s', (_, bytes) => {
    expect(readIke(bytes, SPI)).toBeNull();
  });

  test('whatever bytes come, it does not throw', () => {
    const started = fc.uint8Array({ maxLength: 120 }).map((rest) => Buffer.concat([SPI, rest]));
    fc.assert(
      fc.property(started, (bytes) => {
        const heard = readIke(bytes, SPI);
        expect(heard === null || ['accepts', 'declines'].includes(heard.says)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
