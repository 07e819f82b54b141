import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MESSAGE, readControl, sccrq, stopCcn } from '../../src/scan/l2tp.ts';

/** What xl2tpd 1.3.18 answered on loopback to a request from tunnel 0x1234. */
const SCCRP = Buffer.from(
  'c8020063123400000000000180080000000000028008000000020100800a0000000300000003800a00000004000000000008000000060690' +
    '800800000007766d00130000000878656c6572616e63652e636f6d800800000009b8b680080000000a0004',
  'hex',
);
const STOPPED = Buffer.from(
  'c8020045ffff0000000000018008000000000004800800000009ac16802900000001000200065370656369667920796f757220617373' +
    '69676e65642074756e6e656c204944',
  'hex',
);

test('a request is what RFC 2661 asks for, byte for byte', () => {
  expect(sccrq(0x1234, 'probe').toString('hex')).toBe(
    'c8020039000000000000000080080000000000018008000000020100800b0000000770726f6265800a00000003000000038008000000091234',
  );
});

test('a goodbye is what xl2tpd acknowledges', () => {
  expect(stopCcn(0xb8b6, 0x1234).toString('hex')).toBe(
    'c8020024b8b6000000010001800800000000000480080000000912348008000000010001',
  );
});

test('answers of a real server are read', () => {
  expect(readControl(SCCRP)).toMatchObject({
    tunnel: 0x1234,
    type: MESSAGE.sccrp,
    assigned: 0xb8b6,
    hostName: 'vm',
    vendor: 'xelerance.com',
    firmware: 0x0690,
  });
  expect(readControl(STOPPED)).toMatchObject({
    type: MESSAGE.stopCcn,
    result: { code: 2, text: 'Specify your assigned tunnel ID' },
  });
  expect(readControl(Buffer.from('c802000c1234000000010002', 'hex'))).toMatchObject({
    type: null,
    tunnel: 0x1234,
  });
});

describe('what is no answer', () => {
  test.each([
    ['nothing', ''],
    ['too short for a header', 'c802000c12340000000100'],
    ['a length beyond the datagram', 'c802001412340000000100020000'],
    ['a length below the header', 'c802000412340000000100020000'],
    ['version 3', 'c803000c1234000000010002'],
    ['a data message', '0002000c1234000000010002'],
    ['an AVP of length 0', 'c8020014123400000001000200000000000000ff'],
    ['an AVP beyond the end', 'c8020014123400000001000280ff000000000002'],
    ['half an AVP', 'c802000f1234000000010002800800'],
    ['a message type of one byte', 'c802001312340000000100028007000000000f'],
  ])('%s', (_, hex) => {
    expect(readControl(Buffer.from(hex, 'hex'))).toBeNull();
  });

  test('more AVPs than any message has', () => {
    const avp = Buffer.from('800800000000000280', 'hex').subarray(0, 8);
    const body = Buffer.concat(Array.from({ length: 65 }, () => avp));
    const head = Buffer.from('c80200001234000000010002', 'hex');
    head.writeUInt16BE(12 + body.length, 2);
    expect(readControl(Buffer.concat([head, body]))).toBeNull();
  });
});

test('whatever bytes come, it answers with bounded, printable words or null', () => {
  const spoilt = fc
    .tuple(
      fc.constantFrom(SCCRP, STOPPED),
      fc.array(fc.tuple(fc.nat(98), fc.nat(255)), { maxLength: 6 }),
      fc.nat(99),
    )
    .map(([original, changes, cut]) => {
      const bytes = Buffer.from(original);
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      return bytes.subarray(0, bytes.length - (cut > 60 ? cut - 60 : 0));
    });
  fc.assert(
    fc.property(fc.oneof(spoilt, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      const message = readControl(bytes);
      for (const word of [message?.hostName, message?.vendor, message?.result?.text])
        expect(word ?? '').toMatch(/^[\x20-\x7e]{0,80}$/);
    }),
    { numRuns: 500 },
  );
});
