import { isIPv4 } from 'node:net';

/*
 * The attributes that a reply template may hold, as FreeRADIUS 3.2 names them. Closed, because FreeRADIUS skips an
 * attribute or value that it does not know and accepts the rest: a slip in a restrictive one would let everybody in.
 */

type Kind =
  | { type: 'text' }
  | { type: 'integer'; min: number; max: number }
  | { type: 'address' }
  | { type: 'name'; names: readonly string[] };

type Row = Kind & { tagged?: boolean };

const text: Row = { type: 'text' };
const address: Row = { type: 'address' };
const seconds: Row = { type: 'integer', min: 1, max: 31_536_000 };
const integer: Row = { type: 'integer', min: 0, max: 4_294_967_295 };
const named = (...names: string[]): Row => ({ type: 'name', names });

export const DICTIONARY: Record<string, Row> = {
  'Acct-Interim-Interval': { type: 'integer', min: 60, max: 86_400 },
  'Cisco-AVPair': text,
  'Egress-VLAN-Name': text,
  'Filter-Id': text,
  'Framed-IP-Address': address,
  'Framed-IP-Netmask': address,
  'Framed-MTU': { type: 'integer', min: 576, max: 1_500 },
  'Framed-Pool': text,
  'Framed-Protocol': named('PPP'),
  'Framed-Route': text,
  'Idle-Timeout': seconds,
  'MS-CHAP-Error': text,
  'MS-MPPE-Encryption-Policy': named('Encryption-Allowed', 'Encryption-Required'),
  'MS-MPPE-Encryption-Types': integer,
  'MS-Primary-DNS-Server': address,
  'MS-Quarantine-Session-Timeout': seconds,
  'MS-Quarantine-State': named('Full-Access', 'Quarantine', 'Probation'),
  'MS-Secondary-DNS-Server': address,
  'Mikrotik-Address-List': text,
  'Mikrotik-Group': text,
  'Mikrotik-Rate-Limit': text,
  'NAS-Filter-Rule': text,
  'Port-Limit': integer,
  'Reply-Message': text,
  'Service-Type': named('Framed-User'),
  'Session-Timeout': seconds,
  'Termination-Action': named('Default', 'RADIUS-Request'),
  'Tunnel-Medium-Type': { ...named('IPv4', 'IPv6', 'IEEE-802'), tagged: true },
  'Tunnel-Private-Group-Id': { ...text, tagged: true },
  'Tunnel-Type': { ...named('PPTP', 'L2TP', 'GRE', 'VLAN'), tagged: true },
};

/** An attribute of RADIUS holds this many bytes of text, one fewer with a tag. */
export const MAX_BYTES = 253;

/** What is wrong with an attribute, `Name` or `Name:tag`, and one value of it; null when nothing is. */
export function problemWith(name: string, value: string | number): string | null {
  const [bare = '', tag, ...rest] = name.split(':');
  const row = Object.hasOwn(DICTIONARY, bare) ? DICTIONARY[bare] : undefined;
  if (row === undefined || rest.length > 0) return `there is no attribute "${name}" that a template may hold`;
  if (tag !== undefined && !(row.tagged === true && /^([1-9]|[12]\d|3[01])$/.test(tag))) {
    return `"${name}" has no tag, or one that is not from 1 to 31`;
  }
  return problemWithValue(row, value, tag === undefined ? MAX_BYTES : MAX_BYTES - 1);
}

function problemWithValue(row: Row, value: string | number, maxBytes: number): string | null {
  if (row.type === 'integer') {
    const good = typeof value === 'number' && Number.isInteger(value) && value >= row.min && value <= row.max;
    return good ? null : `has to be a whole number from ${row.min} to ${row.max}`;
  }
  if (typeof value !== 'string') return 'has to be text, in quotes';
  if (row.type === 'address') return isIPv4(value) ? null : 'has to be an IPv4 address';
  if (row.type === 'name')
    return row.names.includes(value) ? null : `has to be one of ${row.names.join(', ')}`;
  if (value === '' || Buffer.byteLength(value) > maxBytes) return `has to be 1 to ${maxBytes} bytes long`;
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return /[\u0000-\u001f\u007f-\u009f]/.test(value) ? 'has a control character' : null;
}
