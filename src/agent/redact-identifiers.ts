import type { Alias } from './redact-aliases.ts';

/** Numbers by which one computer or one account is told from all others: UUIDs, digests, serial numbers, SIDs. */
export function redactIdentifiers(text: string, alias: Alias): string {
  return redactHex(redactSids(redactSerials(text, alias), alias), alias);
}

/** These mean the same on every computer, and readers look for them. */
const KNOWN_UUIDS = new Set([
  // EFI: global variables, and shim's own.
  '8be4df61-93ca-11d2-aa0d-00e098032b8c',
  '605dab50-e046-4300-abb6-3dd810dd8b23',
  // Windows: Defender in the security centre.
  'd68ddc3a-831f-4fae-9e44-da132c1acf46',
  // Windows: update categories (security, service pack, upgrade).
  '0fa1201d-4330-4fa8-8ae9-b877473b6441',
  '3689bdc8-b205-4af4-8d4a-a63924c5e9d5',
  'ebfc1fc5-71a4-4f7b-9aca-3b9a503104a0',
  // Windows: where Falcon keeps its registry values.
  '9b03c1d9-3138-44ed-9fae-d9f4c034b88d',
  '16e0423f-7058-48c9-a204-725362b67639',
]);

const HEX =
  /(?<![0-9a-z])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-z])|(?<![0-9a-wyz])[0-9a-f]{32,}(?![0-9a-z])/gi;

/** A UUID is the same with and without dashes, in either case: `luks-<uuid>` and `CRYPT-LUKS2-<uuid>` stay related. */
function redactHex(text: string, alias: Alias): string {
  return text.replace(HEX, (found) => {
    const digits = found.toLowerCase().replaceAll('-', '');
    if (KNOWN_UUIDS.has(found.toLowerCase()) || /^(?:0+|f+)$/.test(digits)) return found;
    const stand = alias('identifier', `hex ${digits.length}`, digits, (number) =>
      digits.length === 32
        ? `00000000000040008000${String(number).padStart(12, '0')}`
        : String(number).padStart(digits.length, '0'),
    );
    return found.includes('-') ? stand.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-') : stand;
  });
}

/** The computer's or the domain's part; the last number is the account's and starts at the same in each. */
const SID = /\bS-1-(?:5-21(?:-\d{1,10}){3}|12-1(?:-\d{1,10}){4})(?![\d])/g;

function redactSids(text: string, alias: Alias): string {
  return text.replace(SID, (found) =>
    alias('identifier', 'sid', found, (number) => `S-1-5-21-1-1-${number}`),
  );
}

const SERIAL_KEY = String.raw`(?:serial(?:[ _-]?(?:number|no))?|asset[ _-]?tag|wwn)`;
const SERIALS = [
  new RegExp(
    String.raw`(${SERIAL_KEY}["']?\s{0,4}[:=]\s{0,8}["'<]?)(?!(?:null|true|false|none|unknown)\b)([A-Za-z0-9][\w.-]{3,63})`,
    'gi',
  ),
  new RegExp(String.raw`(<key>[^<]{0,60}${SERIAL_KEY}</key>\s{0,40}<string>)([^<]{4,64})(?=<)`, 'gi'),
];

function redactSerials(text: string, alias: Alias): string {
  return SERIALS.reduce(
    (redacted, pattern) =>
      redacted.replace(pattern, (_, key: string, serial: string) => `${key}${serialFor(serial, alias)}`),
    text,
  );
}

/** Whether a property of that name is a serial number. */
export function isSerialKey(key: string): boolean {
  return /serial(?:[ _-]?(?:number|no))?$|asset[ _-]?tag$/i.test(key);
}

export function serialFor(serial: string, alias: Alias): string {
  // In JSON a number may not begin with a zero.
  return alias(
    'identifier',
    'serial',
    serial,
    (number) => `1${String(number).padStart(serial.length - 1, '0')}`,
  );
}
