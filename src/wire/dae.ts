import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';
import { decodeAttributes, encodeAttributes, raw, rawList, type DaeAttributes } from './dae-attributes.ts';

/*
 * RFC 5176: how a VPN gateway is told to end a session (Disconnect) or to change it (CoA). Pure functions of bytes;
 * sending, and sending the same bytes again, is the caller's.
 */

export type DaeKind = 'disconnect' | 'coa';

export type DaeRequest = {
  kind: DaeKind;
  /** 0 to 255: pairs an answer with its request. The same bytes sent again keep it. */
  identifier: number;
  /** Seconds since the epoch, sent as Event-Timestamp; the receiver refuses what is too old. */
  timestamp: number;
  attributes: DaeAttributes;
};

export type DaeAnswer = {
  kind: DaeKind;
  result: 'ack' | 'nak';
  identifier: number;
  /** One of `ERROR_CAUSE`, or any other number; null where the answer names none. */
  errorCause: number | null;
};

/** Why bytes are not to be believed. Nothing is answered to any of them: RFC 5176 §3.5 has them dropped. */
export type DaeProblem =
  | 'malformed'
  | 'not-expected'
  | 'wrong-authenticator'
  | 'no-message-authenticator'
  | 'wrong-message-authenticator'
  | 'no-timestamp';

/** RFC 5176 §3.5: what a NAK, or an ACK, may name as its reason. */
export const ERROR_CAUSE = {
  residualContextRemoved: 201,
  unsupportedAttribute: 401,
  missingAttribute: 402,
  nasIdentificationMismatch: 403,
  invalidRequest: 404,
  unsupportedService: 405,
  invalidAttributeValue: 407,
  administrativelyProhibited: 501,
  /** The session is not there: for a disconnect this is as good as success. */
  sessionNotFound: 503,
  sessionNotRemovable: 504,
  resourcesUnavailable: 506,
  multipleSessions: 508,
} as const;

/** Seconds that a request's Event-Timestamp may differ from the receiver's clock (RFC 5176 §6.3). */
export const TIMESTAMP_WINDOW = 300;

const CODE = { disconnect: 40, coa: 43 } as const;
const HEADER = 20;
const MAX_LENGTH = 4_096;
const MESSAGE_AUTHENTICATOR = 80;
const EVENT_TIMESTAMP = 55;
const ERROR_CAUSE_TYPE = 101;
const PROXY_STATE = 33;

/**
 * The packet, with Message-Authenticator first and Event-Timestamp second.
 * Throws RangeError for a value that no packet can hold: text over 253 bytes, an address that is none, 4096 bytes in all.
 */
export function encodeDaeRequest(request: DaeRequest, secret: string): Buffer {
  const body = Buffer.concat([
    raw(MESSAGE_AUTHENTICATOR, Buffer.alloc(16)),
    raw(EVENT_TIMESTAMP, unsigned(request.timestamp)),
    encodeAttributes(request.attributes),
  ]);
  return sealed(CODE[request.kind], request.identifier, body, Buffer.alloc(16), secret);
}

/** Reads a request: length, both authenticators and the presence of a timestamp are checked, its age is not. */
export function decodeDaeRequest(bytes: Uint8Array, secret: string): Result<DaeRequest, DaeProblem> {
  const packet = open(bytes);
  if (packet === null) return err('malformed');
  const kind = kindOf(packet.code);
  if (kind === null || packet.code !== CODE[kind]) return err('not-expected');
  const problem = forged(packet, Buffer.alloc(16), secret);
  if (problem !== null) return err(problem);
  if (!packet.list.some(({ type }) => type === MESSAGE_AUTHENTICATOR)) return err('no-message-authenticator');
  const timestamp = packet.list.find(({ type }) => type === EVENT_TIMESTAMP)?.value;
  if (timestamp === undefined) return err('no-timestamp');
  const attributes = decodeAttributes(packet.list);
  if (timestamp.length !== 4 || attributes === null) return err('malformed');
  return ok({ kind, identifier: packet.identifier, timestamp: timestamp.readUInt32BE(), attributes });
}

/** The answer to a request that `decodeDaeRequest` accepted; Proxy-State goes back as it came (RFC 5176 §3.1). */
export function encodeDaeAnswer(
  request: Uint8Array,
  { result, errorCause = null }: { result: 'ack' | 'nak'; errorCause?: number | null },
  secret: string,
): Buffer {
  const packet = open(request);
  if (packet === null) throw new RangeError('not a RADIUS packet');
  const body = Buffer.concat([
    raw(MESSAGE_AUTHENTICATOR, Buffer.alloc(16)),
    ...packet.list.filter(({ type }) => type === PROXY_STATE).map(({ type, value }) => raw(type, value)),
    ...(errorCause === null ? [] : [raw(ERROR_CAUSE_TYPE, unsigned(errorCause))]),
  ]);
  const code = packet.code + (result === 'ack' ? 1 : 2);
  return sealed(code, packet.identifier, body, packet.bytes.subarray(4, HEADER), secret);
}

/**
 * Reads the answer to `request`, the very bytes that were sent. The Response Authenticator has to be right, and the
 * Message-Authenticator too where there is one: many gateways send none.
 */
export function decodeDaeAnswer(
  bytes: Uint8Array,
  request: Uint8Array,
  secret: string,
): Result<DaeAnswer, DaeProblem> {
  const packet = open(bytes);
  const asked = open(request);
  if (packet === null || asked === null) return err('malformed');
  const kind = kindOf(asked.code);
  const step = packet.code - asked.code;
  if (kind === null || (step !== 1 && step !== 2) || packet.identifier !== asked.identifier)
    return err('not-expected');
  const problem = forged(packet, asked.bytes.subarray(4, HEADER), secret);
  if (problem !== null) return err(problem);
  const cause = packet.list.find(({ type }) => type === ERROR_CAUSE_TYPE)?.value;
  if (cause !== undefined && cause.length !== 4) return err('malformed');
  const errorCause = cause === undefined ? null : cause.readUInt32BE();
  return ok({ kind, result: step === 1 ? 'ack' : 'nak', identifier: packet.identifier, errorCause });
}

/** Whether a request is from now, by a clock in seconds since the epoch. */
export function isTimely(timestamp: number, nowSeconds: number): boolean {
  return Math.abs(nowSeconds - timestamp) <= TIMESTAMP_WINDOW;
}

type Packet = {
  code: number;
  identifier: number;
  /** Without what may follow the packet in its datagram. */
  bytes: Buffer;
  list: { type: number; value: Buffer; at: number }[];
};

/** Header and attributes, or null where the lengths do not fit together. */
function open(given: Uint8Array): Packet | null {
  if (given.length < HEADER) return null;
  const whole = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  const length = whole.readUInt16BE(2);
  if (length < HEADER || length > MAX_LENGTH || length > whole.length) return null;
  const bytes = whole.subarray(0, length);
  const list = rawList(bytes, HEADER);
  if (list === null) return null;
  return { code: bytes.readUInt8(0), identifier: bytes.readUInt8(1), bytes, list };
}

/** The Message-Authenticator, which stands first, is made before the authenticator that covers it. */
function sealed(
  code: number,
  identifier: number,
  body: Buffer,
  authenticator: Uint8Array,
  secret: string,
): Buffer {
  const length = HEADER + body.length;
  if (length > MAX_LENGTH) throw new RangeError(`A packet holds ${MAX_LENGTH} bytes, not ${length}.`);
  if (!Number.isInteger(identifier) || identifier < 0 || identifier > 255)
    throw new RangeError('An identifier is a whole number from 0 to 255.');
  if (secret === '') throw new RangeError('Without a secret no packet can be signed.');
  const packet = Buffer.concat([
    Buffer.from([code, identifier, length >> 8, length & 0xff]),
    authenticator,
    body,
  ]);
  createHmac('md5', secret)
    .update(packet)
    .digest()
    .copy(packet, HEADER + 2);
  createHash('md5').update(packet).update(secret).digest().copy(packet, 4);
  return packet;
}

/** What is wrong with a packet's authenticators, where `authenticator` is what its own was made over. */
function forged({ bytes, list }: Packet, authenticator: Uint8Array, secret: string): DaeProblem | null {
  const copy = Buffer.from(bytes);
  copy.set(authenticator, 4);
  const expected = createHash('md5').update(copy).update(secret).digest();
  if (secret === '' || !timingSafeEqual(expected, bytes.subarray(4, HEADER))) return 'wrong-authenticator';
  const signatures = list.filter(({ type }) => type === MESSAGE_AUTHENTICATOR);
  const [signature] = signatures;
  if (signature === undefined) return null;
  if (signatures.length > 1 || signature.value.length !== 16) return 'malformed';
  copy.fill(0, signature.at, signature.at + 16);
  const right = createHmac('md5', secret).update(copy).digest();
  return timingSafeEqual(right, signature.value) ? null : 'wrong-message-authenticator';
}

function kindOf(code: number): DaeKind | null {
  if (code === CODE.disconnect) return 'disconnect';
  return code === CODE.coa ? 'coa' : null;
}

function unsigned(value: number): Buffer {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    throw new RangeError(`${value} is no whole number of 32 bits.`);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
