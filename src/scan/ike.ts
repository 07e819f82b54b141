/** The first message of an IKE negotiation and whether something is an answer to it (RFC 2408, RFC 7296). Pure. */

export type IkeVersion = 1 | 2;

/** `accepts`: it took one of our suites; `declines`: it speaks IKE and told us so in another way. */
export type IkeAnswer = { version: IkeVersion; says: 'accepts' | 'declines'; notify: number | null };

const HEADER = 28;
const SPI = 8;
const PAYLOAD = { sa1: 1, notify1: 11, sa: 33, ke: 34, nonce: 40, notify: 41 } as const;
const EXCHANGE = { mainMode: 2, informational: 5, saInit: 34 } as const;
const INITIATOR = 0x08;
const RESPONSE = 0x20;
/** Ahead of IKE on port 4500, where ESP comes as well (RFC 3948). */
export const NON_ESP = Buffer.alloc(4);

/** Group 14 and others that servers of L2TP take: [encryption, key bits or 0, hash, group] (RFC 2409 appendix A). */
const SUITES_1 = [
  [7, 256, 4, 14],
  [7, 256, 2, 14],
  [7, 256, 2, 20],
  [7, 128, 2, 19],
  [5, 0, 2, 14],
  [5, 0, 2, 2],
] as const;
/** Pre-shared key, and certificates. */
const METHODS_1 = [1, 3] as const;

/** IKEv1 main mode. `spi`: eight bytes, ours. */
export function mainMode(spi: Uint8Array): Buffer {
  const suites = METHODS_1.flatMap((method) => SUITES_1.map((suite) => ({ method, suite })));
  const transforms = suites.map(({ method, suite }, index) =>
    payload(index + 1 < suites.length ? 3 : 0, [u8(index + 1), u8(1), u16(0), ...attributes(suite, method)]),
  );
  const proposal = payload(0, [u8(1), u8(1), u8(0), u8(transforms.length), ...transforms]);
  // DOI 1 is IPsec, situation 1 is SIT_IDENTITY_ONLY.
  const body = payload(0, [u32(1), u32(1), proposal]);
  return message(spi, { next: PAYLOAD.sa1, version: 0x10, exchange: EXCHANGE.mainMode, flags: 0 }, body);
}

function attributes([cipher, bits, hash, group]: (typeof SUITES_1)[number], method: number): Buffer[] {
  const length = bits === 0 ? [] : [short(14, bits)];
  return [
    short(1, cipher),
    ...length,
    short(2, hash),
    short(3, method),
    short(4, group),
    short(11, 1),
    short(12, 28_800),
  ];
}

/** Transforms: [type, number, key bits or 0] (RFC 7296 section 3.3.2). */
type Transform = readonly [type: number, id: number, bits: number];
const DH: readonly Transform[] = [14, 19, 20, 2].map((group) => [4, group, 0] as const);
const PRF: readonly Transform[] = [
  [2, 5, 0],
  [2, 2, 0],
];
const PROPOSALS_2: readonly (readonly Transform[])[] = [
  [[1, 12, 256], [1, 12, 128], [1, 3, 0], ...PRF, [3, 12, 0], [3, 2, 0], ...DH],
  [[1, 20, 256], [1, 20, 128], ...PRF, ...DH],
];

/** IKEv2 IKE_SA_INIT. `spi`: eight bytes; `key`: 256 bytes, a public number of group 14; `nonce`: 32 bytes. */
export function saInit(spi: Uint8Array, key: Uint8Array, nonce: Uint8Array): Buffer {
  const proposals = PROPOSALS_2.map((transforms, index) => {
    const list = transforms.map((one, at) => transform(one, at + 1 < transforms.length));
    const isLast = index + 1 === PROPOSALS_2.length;
    return payload(isLast ? 0 : 2, [u8(index + 1), u8(1), u8(0), u8(list.length), ...list]);
  });
  const body = Buffer.concat([
    payload(PAYLOAD.ke, proposals),
    payload(PAYLOAD.nonce, [u16(14), u16(0), key]),
    payload(0, [nonce]),
  ]);
  return message(spi, { next: PAYLOAD.sa, version: 0x20, exchange: EXCHANGE.saInit, flags: INITIATOR }, body);
}

function transform([type, id, bits]: Transform, hasNext: boolean): Buffer {
  return payload(hasNext ? 3 : 0, [u8(type), u8(0), u16(id), ...(bits === 0 ? [] : [short(14, bits)])]);
}

/** An answer to the message with this SPI; null for anything else. */
export function readIke(bytes: Uint8Array, spi: Uint8Array): IkeAnswer | null {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.length < HEADER || !data.subarray(0, SPI).equals(spi)) return null;
  const length = data.readUInt32BE(24);
  if (length < HEADER || length > data.length) return null;
  const major = data.readUInt8(17) >> 4;
  const body = data.subarray(HEADER, length);
  if (major === 1) return readFirst(data, body);
  return major === 2 ? readSecond(data, body) : null;
}

function readFirst(data: Buffer, body: Buffer): IkeAnswer | null {
  const exchange = data.readUInt8(18);
  const next = data.readUInt8(16);
  // Our own message come back, as from an echo service, has no SPI of a responder.
  const isEcho = data.subarray(SPI, 2 * SPI).every((byte) => byte === 0) && exchange === EXCHANGE.mainMode;
  if (isEcho || body.length < 4) return null;
  if (exchange === EXCHANGE.mainMode && next === PAYLOAD.sa1)
    return { version: 1, says: 'accepts', notify: null };
  if (exchange !== EXCHANGE.informational && next !== PAYLOAD.notify1) return null;
  // Generic header 4, DOI 4, protocol 1, SPI size 1, then the kind of notice.
  const notify = next === PAYLOAD.notify1 && body.length >= 12 ? body.readUInt16BE(10) : null;
  return { version: 1, says: 'declines', notify };
}

function readSecond(data: Buffer, body: Buffer): IkeAnswer | null {
  const next = data.readUInt8(16);
  if (data.readUInt8(18) !== EXCHANGE.saInit || (data.readUInt8(19) & RESPONSE) === 0) return null;
  if (next === PAYLOAD.sa && body.length >= 4) return { version: 2, says: 'accepts', notify: null };
  if (next !== PAYLOAD.notify || body.length < 8) return null;
  return { version: 2, says: 'declines', notify: body.readUInt16BE(6) };
}

type Head = { next: number; version: number; exchange: number; flags: number };

function message(spi: Uint8Array, { next, version, exchange, flags }: Head, body: Buffer): Buffer {
  const head = [spi, Buffer.alloc(SPI), u8(next), u8(version), u8(exchange), u8(flags), u32(0)];
  return Buffer.concat([...head, u32(HEADER + body.length), body]);
}

function payload(next: number, parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([u8(next), u8(0), u16(4 + body.length), body]);
}

/** An attribute whose value fits into two bytes. */
function short(type: number, value: number): Buffer {
  return Buffer.concat([u16(0x8000 | type), u16(value)]);
}

function u8(value: number): Buffer {
  return Buffer.of(value);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
