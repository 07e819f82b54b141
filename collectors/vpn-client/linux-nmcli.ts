/** Parsers of `nmcli`'s terse output. Values are data, never words to be understood. */

/** One row of a terse table: `:` between fields, `\:` and `\\` inside them. */
export function parseRow(line: string): string[] {
  const fields = [''];
  for (const [whole, escaped] of line.matchAll(/\\(.)|[^\\:]+|:/g)) {
    if (whole === ':') fields.push('');
    else fields.push(`${fields.pop() ?? ''}${escaped ?? whole}`);
  }
  return fields;
}

export function unescapeField(text: string): string {
  return text.replaceAll(/\\(.)/g, '$1');
}

const MAX_LINES = 5_000;

/** `key:value` lines of a whole connection; terse lines with many fields are not escaped. The first of equal keys. */
export function parseConnection(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n', MAX_LINES)) {
    const at = line.indexOf(':');
    const key = line.slice(0, at);
    if (at > 0 && !fields.has(key)) fields.set(key, line.slice(at + 1).trim());
  }
  return fields;
}

/** `vpn.data` reduced to what may leave this function: no secret, only whether there is one. */
export type VpnData = { values: ReadonlyMap<string, string>; holdsSecret: boolean };

const PUBLIC_KEYS = new Set([
  'gateway',
  'ipsec-enabled',
  'ipsec-ike',
  'ipsec-esp',
  'machine-auth-type',
  'mtu',
]);

/** `ipsec-psk`, `password`, `user-certpass`, `machine-certpass`; their `-flags` only say where the secret is kept. */
const SECRET = /^(?:ipsec-psk|ipsec-group-psk|.*password|.*certpass)$/;

/** `key = value, key = value`; a comma inside a value is `\,`. */
export function parseVpnData(text: string): VpnData {
  const entries = text.split(/(?<!\\),\s+/).flatMap((entry) => {
    const [, key = '', value = ''] = /^([\w-]+) = (.*)$/s.exec(entry.trim()) ?? [];
    return key === '' ? [] : [[key, unescapeField(value)] as const];
  });
  return {
    values: new Map(entries.filter(([key]) => PUBLIC_KEYS.has(key))),
    holdsSecret: entries.some(([key, value]) => SECRET.test(key) && value !== ''),
  };
}
