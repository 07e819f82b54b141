import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeDaeAnswer,
  decodeDaeRequest,
  encodeDaeAnswer,
  encodeDaeRequest,
  ERROR_CAUSE,
  isTimely,
  type DaeRequest,
} from '../../src/wire/dae.ts';

const SECRET = 'testing123';
const TIME = 1_796_000_000;

const request: DaeRequest = {
  kind: 'disconnect',
  identifier: 7,
  timestamp: TIME,
  attributes: {
    userName: 'émile',
    nasIdentifier: 'lns-1',
    nasPort: 3,
    framedIpAddress: '10.99.1.200',
    acctSessionId: '%lX6b0017c5%hX',
    class: [Buffer.from('p1;n=1'), Buffer.from([0, 255])],
    vendor: [{ vendor: 14_988, type: 19, value: Buffer.from('quarantine') }],
  },
};

const text = fc.string({ minLength: 1, maxLength: 60 });
const bytes = fc.uint8Array({ minLength: 1, maxLength: 100 }).map((one) => Buffer.from(one));
const anyRequest: fc.Arbitrary<DaeRequest> = fc.record({
  kind: fc.constantFrom('disconnect', 'coa'),
  identifier: fc.nat(255),
  timestamp: fc.nat(0xffff_ffff),
  attributes: fc.record(
    {
      userName: text,
      nasPort: fc.nat(0xffff_ffff),
      framedIpAddress: fc.ipV4(),
      filterId: text,
      class: fc.array(bytes, { minLength: 1, maxLength: 3 }),
      vendor: fc.array(fc.record({ vendor: fc.nat(), type: fc.nat(255), value: bytes }), {
        minLength: 1,
        maxLength: 3,
      }),
    },
    { requiredKeys: [] },
  ),
});

describe('a request', () => {
  test('comes out as it went in', () => {
    fc.assert(
      fc.property(anyRequest, (one) => {
        expect(decodeDaeRequest(encodeDaeRequest(one, SECRET), SECRET)).toEqual({ ok: true, value: one });
      }),
      { numRuns: 50 },
    );
  });

  test('of another program, accepted by FreeRADIUS, is read', () => {
    const captured =
      '28070045f9d4c708ae59a3b4fa3dc3bcc72eac2d501206a2c6c40d73b0977abb848a492efb3d37066b0011552c12623566316332643330613765393934310107616c696365';
    expect(decodeDaeRequest(Buffer.from(captured, 'hex'), SECRET)).toEqual({
      ok: true,
      value: {
        kind: 'disconnect',
        identifier: 7,
        timestamp: 0x6b00_1155,
        attributes: { userName: 'alice', acctSessionId: 'b5f1c2d30a7e9941' },
      },
    });
  });

  test('without Message-Authenticator, accepted by some, is refused', () => {
    const captured = '2807001e91141033e86cc448b1b1424c75e1e3f637066b0011552c046235';
    expect(decodeDaeRequest(Buffer.from(captured, 'hex'), SECRET)).toEqual({
      ok: false,
      error: 'no-message-authenticator',
    });
  });

  test.each([
    ['another secret', (made: Buffer) => ({ made, secret: 'testing124' }), 'wrong-authenticator'],
    ['no secret', (made: Buffer) => ({ made, secret: '' }), 'wrong-authenticator'],
    ['an access request’s code', (made: Buffer) => ({ made: changed(made, 0, 1) }), 'not-expected'],
    ['an answer’s code', (made: Buffer) => ({ made: changed(made, 0, 41) }), 'not-expected'],
    ['too short', (made: Buffer) => ({ made: made.subarray(0, 19) }), 'malformed'],
    ['cut', (made: Buffer) => ({ made: made.subarray(0, -1) }), 'malformed'],
    ['an attribute of length 0', (made: Buffer) => ({ made: changed(made, 21, 0) }), 'malformed'],
    ['a length below the header', (made: Buffer) => ({ made: changed(made, 3, 3) }), 'malformed'],
  ])('with %s is refused', (_what, change, problem) => {
    const { made, secret = SECRET } = change(encodeDaeRequest(request, SECRET)) as {
      made: Buffer;
      secret?: string;
    };
    expect(decodeDaeRequest(made, secret)).toEqual({ ok: false, error: problem });
  });

  test('with any byte changed is refused', () => {
    const made = encodeDaeRequest(request, SECRET);
    for (let at = 0; at < made.length; at += 1) {
      expect(decodeDaeRequest(changed(made, at, (made[at] ?? 0) ^ 1), SECRET).ok).toBe(false);
    }
  });

  test('is read without what follows it in the datagram', () => {
    const made = Buffer.concat([encodeDaeRequest(request, SECRET), Buffer.from('padding')]);
    expect(decodeDaeRequest(made, SECRET)).toMatchObject({ ok: true, value: { identifier: 7 } });
  });

  test.each([
    ['long text', { attributes: { userName: 'x'.repeat(254) } }],
    ['empty text', { attributes: { userName: '' } }],
    ['an address that is none', { attributes: { framedIpAddress: '10.99.1.256' } }],
    ['a port below zero', { attributes: { nasPort: -1 } }],
    ['an identifier over 255', { identifier: 256 }],
    [
      'more than a packet holds',
      { attributes: { class: Array.from({ length: 17 }, () => Buffer.alloc(253)) } },
    ],
  ])('with %s cannot be made', (_what, change) => {
    expect(() => encodeDaeRequest({ ...request, ...change }, SECRET)).toThrow(RangeError);
  });

  test('is of now within 300 s', () => {
    expect([-301, -300, 0, 300, 301].map((late) => isTimely(TIME, TIME + late))).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
  });
});

describe('an answer', () => {
  const sent = encodeDaeRequest(request, SECRET);

  test.each([
    ['ack', null],
    ['nak', ERROR_CAUSE.sessionNotFound],
    ['nak', null],
  ] as const)('%s %s comes out as it went in', (result, errorCause) => {
    const answer = encodeDaeAnswer(sent, { result, errorCause }, SECRET);
    expect(decodeDaeAnswer(answer, sent, SECRET)).toEqual({
      ok: true,
      value: { kind: 'disconnect', result, identifier: 7, errorCause },
    });
  });

  test('to another request, or made with another secret, is not believed', () => {
    const other = encodeDaeRequest({ ...request, timestamp: TIME + 1 }, SECRET);
    const coa = encodeDaeRequest({ ...request, kind: 'coa' }, SECRET);
    const answer = encodeDaeAnswer(sent, { result: 'ack' }, SECRET);
    expect(decodeDaeAnswer(answer, other, SECRET)).toEqual({ ok: false, error: 'wrong-authenticator' });
    expect(decodeDaeAnswer(answer, coa, SECRET)).toEqual({ ok: false, error: 'not-expected' });
    expect(decodeDaeAnswer(answer, sent, 'other')).toEqual({ ok: false, error: 'wrong-authenticator' });
    expect(decodeDaeAnswer(sent, sent, SECRET)).toEqual({ ok: false, error: 'not-expected' });
  });

  test('with any byte changed is not believed', () => {
    const answer = encodeDaeAnswer(sent, { result: 'nak', errorCause: 503 }, SECRET);
    for (let at = 0; at < answer.length; at += 1) {
      expect(decodeDaeAnswer(changed(answer, at, (answer[at] ?? 0) ^ 1), sent, SECRET).ok).toBe(false);
    }
  });
});

test('no bytes make it throw', () => {
  const sent = encodeDaeRequest(request, SECRET);
  const hostile = fc.uint8Array({ maxLength: 120 }).map((tail) => {
    const packet = Buffer.concat([sent.subarray(0, 20), tail]);
    packet.writeUInt16BE(packet.length, 2);
    return packet;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), hostile), (given) => {
      expect(decodeDaeRequest(given, SECRET).ok).toBe(false);
      expect(decodeDaeAnswer(given, sent, SECRET).ok).toBe(false);
    }),
    { numRuns: 200 },
  );
});

function changed(packet: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(packet);
  copy[at] = value;
  return copy;
}
