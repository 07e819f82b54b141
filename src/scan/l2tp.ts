/** L2TP control messages (RFC 2661 section 3.1 and 4), as far as a probe needs them. Pure. */

/** Message types (RFC 2661 section 3.2). */
export const MESSAGE = { sccrq: 1, sccrp: 2, stopCcn: 4 } as const;

const AVP = {
  messageType: 0,
  resultCode: 1,
  protocolVersion: 2,
  framing: 3,
  firmware: 6,
  hostName: 7,
  vendorName: 8,
  assignedTunnel: 9,
} as const;

const HEADER = 12;
const AVP_HEADER = 6;
const MANDATORY = 0x8000;
/** The T, L and S bits and version 2; the bits between are reserved or mean something in data messages only. */
const CONTROL = 0xc802;
const CONTROL_MASK = 0xc80f;
/** An SCCRP has a dozen AVPs; what goes on for longer is not one. */
const MAX_AVPS = 64;
const MAX_NAME = 80;

export type ControlMessage = {
  /** Whom it is for: the number that the receiver gave. */
  tunnel: number;
  ns: number;
  nr: number;
  /** Null: a ZLB, which acknowledges and says nothing. */
  type: number | null;
  /** The number that the sender gave. */
  assigned: number | null;
  hostName: string | null;
  vendor: string | null;
  firmware: number | null;
  /** Of a StopCCN: result and error code, with the words of the peer. */
  result: { code: number; text: string } | null;
};

/** A request for a tunnel. `tunnel` is ours: 1 to 65535. */
export function sccrq(tunnel: number, hostName: string): Buffer {
  return control({ tunnel: 0, ns: 0, nr: 0 }, [
    avp(AVP.messageType, u16(MESSAGE.sccrq)),
    avp(AVP.protocolVersion, u16(0x01_00)),
    avp(AVP.hostName, Buffer.from(hostName, 'ascii')),
    avp(AVP.framing, u32(3)),
    avp(AVP.assignedTunnel, u16(tunnel)),
  ]);
}

/** Goodbye to a peer that has opened the tunnel `theirs` for ours. */
export function stopCcn(theirs: number, ours: number): Buffer {
  return control({ tunnel: theirs, ns: 1, nr: 1 }, [
    avp(AVP.messageType, u16(MESSAGE.stopCcn)),
    avp(AVP.assignedTunnel, u16(ours)),
    // 1: general request to clear the control connection.
    avp(AVP.resultCode, u16(1)),
  ]);
}

/** Null for whatever is no well-formed control message. */
export function readControl(bytes: Uint8Array): ControlMessage | null {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.length < HEADER || (data.readUInt16BE(0) & CONTROL_MASK) !== CONTROL) return null;
  const length = data.readUInt16BE(2);
  if (length < HEADER || length > data.length) return null;
  const avps = readAvps(data.subarray(HEADER, length));
  if (avps === null) return null;
  const type = avps.get(AVP.messageType);
  if (avps.size > 0 && type?.length !== 2) return null;
  return {
    tunnel: data.readUInt16BE(4),
    ns: data.readUInt16BE(8),
    nr: data.readUInt16BE(10),
    type: number16(type),
    assigned: number16(avps.get(AVP.assignedTunnel)),
    hostName: name(avps.get(AVP.hostName)),
    vendor: name(avps.get(AVP.vendorName)),
    firmware: number16(avps.get(AVP.firmware)),
    result: readResult(avps.get(AVP.resultCode)),
  };
}

/** By type, the first of each; those of other vendors are passed over. Null where one does not fit. */
function readAvps(data: Buffer): Map<number, Buffer> | null {
  const avps = new Map<number, Buffer>();
  let at = 0;
  for (let count = 0; at < data.length; count += 1) {
    if (count === MAX_AVPS || data.length - at < AVP_HEADER) return null;
    const length = data.readUInt16BE(at) & 0x03ff;
    if (length < AVP_HEADER || at + length > data.length) return null;
    const type = data.readUInt16BE(at + 4);
    if (data.readUInt16BE(at + 2) === 0 && !avps.has(type))
      avps.set(type, data.subarray(at + AVP_HEADER, at + length));
    at += length;
  }
  return avps;
}

function readResult(value: Buffer | undefined): ControlMessage['result'] {
  const code = value === undefined || value.length < 2 ? null : value.readUInt16BE(0);
  return code === null ? null : { code, text: name(value?.subarray(4)) ?? '' };
}

function number16(value: Buffer | undefined): number | null {
  return value?.length === 2 ? value.readUInt16BE(0) : null;
}

/** What a stranger calls himself: printable ASCII only, and not much of it. */
function name(value: Buffer | undefined): string | null {
  return value === undefined
    ? null
    : value
        .toString('latin1')
        .slice(0, MAX_NAME)
        .replace(/[^\x20-\x7e]/g, '.');
}

function control({ tunnel, ns, nr }: { tunnel: number; ns: number; nr: number }, avps: Buffer[]): Buffer {
  const body = Buffer.concat(avps);
  const head = [CONTROL, HEADER + body.length, tunnel, 0, ns, nr].map(u16);
  return Buffer.concat([...head, body]);
}

function avp(type: number, value: Buffer): Buffer {
  return Buffer.concat([u16(MANDATORY | (AVP_HEADER + value.length)), u16(0), u16(type), value]);
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
