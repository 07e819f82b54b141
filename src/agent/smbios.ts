/** A computer's own numbers, as its firmware says them. */
export type Numbers = { serial: string | null; uuid: string | null };

/*
 * SMBIOS (DSP0134): structures one after the other, each with its type, the length of its formatted part, and its
 * strings after that part, each ended by a zero byte, the last by two.
 */

const SYSTEM = 1;
const END = 127;
const SERIAL_AT = 7;
const UUID_AT = 8;
/** Windows leads the table with its version and length (`RawSMBIOSData`). */
const WINDOWS_HEADER = 8;

/** Serial number and UUID of the system structure; null each where there is none. Takes Linux' table or Windows'. */
export function parseSmbios(bytes: Buffer): Numbers {
  const hasHeader = bytes.length > WINDOWS_HEADER && bytes.readUInt32LE(4) === bytes.length - WINDOWS_HEADER;
  let at = hasHeader ? WINDOWS_HEADER : 0;
  while (at + 4 <= bytes.length) {
    const type = bytes.readUInt8(at);
    const length = bytes.readUInt8(at + 1);
    const strings = at + length;
    const end = bytes.indexOf('\0\0', strings, 'latin1');
    if (length < 4 || end < 0 || type === END) break;
    if (type === SYSTEM)
      return numbersOf(bytes.subarray(at, strings), bytes.toString('latin1', strings, end).split('\0'));
    at = end + 2;
  }
  return { serial: null, uuid: null };
}

function numbersOf(structure: Buffer, strings: readonly string[]): Numbers {
  const index = structure.length > SERIAL_AT ? structure.readUInt8(SERIAL_AT) : 0;
  const uuid = structure.subarray(UUID_AT, UUID_AT + 16);
  return { serial: strings[index - 1] ?? null, uuid: uuid.length === 16 ? uuidText(uuid) : null };
}

/** Since SMBIOS 2.6 the first three fields are little-endian, as every system shows it. */
function uuidText(bytes: Buffer): string {
  const [a, b, c] = [bytes.readUInt32LE(0), bytes.readUInt16LE(4), bytes.readUInt16LE(6)];
  const rest = bytes.toString('hex', 8);
  return `${hex(a, 8)}-${hex(b, 4)}-${hex(c, 4)}-${rest.slice(0, 4)}-${rest.slice(4)}`.toUpperCase();
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
