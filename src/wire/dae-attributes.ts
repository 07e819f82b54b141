/** What names a session, and what a CoA changes. Absent is undefined. */
export type DaeAttributes = {
  /** As the client typed it: gateways compare it with what they saw. */
  userName?: string;
  nasIpAddress?: string;
  nasIdentifier?: string;
  nasPort?: number;
  nasPortId?: string;
  framedIpAddress?: string;
  calledStationId?: string;
  callingStationId?: string;
  acctSessionId?: string;
  /** Bytes that came with the Access-Accept; at most a few. */
  class?: Uint8Array[];
  filterId?: string;
  framedPool?: string;
  sessionTimeout?: number;
  /** Vendor-Specific (26). */
  vendor?: VendorAttribute[];
};

export type VendorAttribute = { vendor: number; type: number; value: Uint8Array };

type Form = 'text' | 'number' | 'ipv4';
type Simple = Exclude<keyof DaeAttributes, 'class' | 'vendor'>;

const SIMPLE: Record<Simple, { type: number; form: Form }> = {
  userName: { type: 1, form: 'text' },
  nasIpAddress: { type: 4, form: 'ipv4' },
  nasPort: { type: 5, form: 'number' },
  framedIpAddress: { type: 8, form: 'ipv4' },
  filterId: { type: 11, form: 'text' },
  sessionTimeout: { type: 27, form: 'number' },
  calledStationId: { type: 30, form: 'text' },
  callingStationId: { type: 31, form: 'text' },
  nasIdentifier: { type: 32, form: 'text' },
  acctSessionId: { type: 44, form: 'text' },
  nasPortId: { type: 87, form: 'text' },
  framedPool: { type: 88, form: 'text' },
};
const NAMES = Object.keys(SIMPLE) as Simple[];

const CLASS = 25;
const VENDOR_SPECIFIC = 26;
/** Bytes that an attribute holds besides its type and length. */
const MAX_VALUE = 253;

export type RawAttribute = {
  type: number;
  value: Buffer;
  /** Where the value begins in the packet. */
  at: number;
};

/** One attribute in bytes. Throws RangeError where it would be too long. */
export function raw(type: number, value: Uint8Array): Buffer {
  if (value.length === 0 || value.length > MAX_VALUE)
    throw new RangeError(`Attribute ${type} holds 1 to ${MAX_VALUE} bytes, not ${value.length}.`);
  return Buffer.concat([Buffer.from([type, value.length + 2]), value]);
}

/** The attributes from `start` to the end, or null where their lengths do not fit. */
export function rawList(bytes: Buffer, start: number): RawAttribute[] | null {
  const list: RawAttribute[] = [];
  let at = start;
  while (at < bytes.length) {
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > bytes.length) return null;
    list.push({ type: bytes[at] ?? 0, value: bytes.subarray(at + 2, at + length), at: at + 2 });
    at += length;
  }
  return list;
}

export function encodeAttributes(attributes: DaeAttributes): Buffer {
  const simple = NAMES.flatMap((name) => {
    const value = attributes[name];
    return value === undefined ? [] : [raw(SIMPLE[name].type, encodeValue(SIMPLE[name].form, value))];
  });
  const classes = (attributes.class ?? []).map((value) => raw(CLASS, value));
  const vendors = (attributes.vendor ?? []).map(encodeVendor);
  return Buffer.concat([...simple, ...classes, ...vendors]);
}

/** Null where an attribute that we know has a value of the wrong length, or comes twice. Unknown ones are left out. */
export function decodeAttributes(list: readonly RawAttribute[]): DaeAttributes | null {
  const found: Partial<Record<Simple, string | number>> = {};
  for (const name of NAMES) {
    const { type, form } = SIMPLE[name];
    const [first, second] = list.filter((one) => one.type === type);
    if (first === undefined) continue;
    const value = decodeValue(form, first.value);
    if (value === null || second !== undefined) return null;
    found[name] = value;
  }
  const classes = list.filter(({ type }) => type === CLASS).map(({ value }) => Buffer.from(value));
  const vendors = list.filter(({ type }) => type === VENDOR_SPECIFIC).map(({ value }) => decodeVendor(value));
  const known = vendors.filter((one) => one !== null);
  if (known.length !== vendors.length) return null;
  return {
    ...(found as DaeAttributes),
    ...(classes.length > 0 && { class: classes }),
    ...(known.length > 0 && { vendor: known.flat() }),
  };
}

function encodeValue(form: Form, value: string | number): Buffer {
  if (form === 'text') return Buffer.from(String(value));
  if (form === 'ipv4') return encodeIpv4(String(value));
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    throw new RangeError(`${value} is no whole number of 32 bits.`);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function encodeIpv4(text: string): Buffer {
  const parts = text.split('.').map(Number);
  const valid = /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && parts.every((part) => part <= 255);
  if (!valid) throw new RangeError(`${JSON.stringify(text)} is no IPv4 address.`);
  return Buffer.from(parts);
}

function decodeValue(form: Form, value: Buffer): string | number | null {
  if (form === 'text') return value.length === 0 ? null : value.toString('utf8');
  if (value.length !== 4) return null;
  return form === 'number' ? value.readUInt32BE() : value.join('.');
}

function encodeVendor({ vendor, type, value }: VendorAttribute): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt32BE(vendor);
  head.writeUInt8(type, 4);
  head.writeUInt8(Math.min(value.length + 2, 255), 5);
  return raw(VENDOR_SPECIFIC, Buffer.concat([head, value]));
}

/** A vendor's attributes in the usual form of RFC 2865 §5.26, or null. */
function decodeVendor(value: Buffer): VendorAttribute[] | null {
  if (value.length < 7) return null;
  const list = rawList(value, 4);
  const vendor = value.readUInt32BE();
  return list === null
    ? null
    : list.map((one) => ({ vendor, type: one.type, value: Buffer.from(one.value) }));
}
