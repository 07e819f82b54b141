import type { Alias } from './redact-aliases.ts';

/*
 * Secrets by the word before them and by their own shape. Where it cannot be told how far a secret goes, rather too
 * much is taken: a capture that reads differently is said to, a secret that got out is out.
 */

const WORDS = [
  'psk',
  'pass(?:word|wd|phrase|code)',
  'certpass',
  'secret',
  'credentials?',
  'token',
  '(?:pre-?)?shared[ _-]?key',
  '(?:private|api|access|session|encryption|encrypted|auth|site|recovery|master|volume)[ _-]?key',
  'salt',
  'digest',
  'ciphertext',
  'blob',
  'jwe',
].join('|');

const KEY = String.raw`(?:${WORDS})\\?["']?[ \t]{0,8}[:=](?!=)[ \t]*`;
const DOUBLE_QUOTED = String.raw`"((?:[^"\\\n]|\\.)*)(?:"|$)`;
const SINGLE_QUOTED = String.raw`'([^'\n]*)'`;
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** Lists, sections and tags are no values, nor is what follows a connection that somebody named `office-psk`. */
const NO_VALUE = String.raw`(?![\s"]|[{[]\s{0,8}(?:["'{[\]}\d]|$)|<[\w/?!]|${UUID}:|(?:%any|[\d.]{7,15})\.\.\.|(?:local|remote|child): )`;
/** Where a bare value ends: before the next key, the next element, or the end of what it stands in. */
const END = String.raw`\s{1,8}[\w-]{1,60}["']?\s{0,4}[:=]|[,;](?:\s|["\w-]{1,60}["']?\s{0,4}[:=]|$)|["}\]](?:[\s,;:}\]]|$)|</`;
const BARE = String.raw`(${NO_VALUE}(?:(?!${END})(?:\\.|[^\n\r\0]))+)`;

/** `key = value`, `"key": "value"`, `key: value`. */
const ASSIGNED = new RegExp(`(${KEY})(?:${DOUBLE_QUOTED}|${SINGLE_QUOTED}|${BARE})`, 'gim');

/** Property lists: `<key>SharedSecret</key><data>…</data>`. */
const PLIST = new RegExp(
  String.raw`(<key>[^<]{0,80}(?:${WORDS})</key>\s{0,80}<(string|data)>)([^<]*)(?=</)`,
  'gi',
);

/** Columns: `Site-Key      a1b2c3`. */
const COLUMNS = new RegExp(
  String.raw`((?:${WORDS})(?:[ \t]{2,40}|\t))(\S{0,200}\d\S{3,200})(?=[ \t]{0,40}$)`,
  'gim',
);

/** Command lines: `--password VALUE`, with a zero byte between the words in /proc. */
const ARGUMENT = new RegExp(String.raw`((?<![^\s\0])-{1,2}[\w-]{0,40}(?:${WORDS})[ \0])([^\s\0]+)`, 'gi');

const KEY_LINE = /(\bkey["']?[ \t]{0,8}[:=][ \t]{0,8}["']?)((?:0[sx])?[A-Za-z0-9+/]{16,}={0,2})/gi;

/** What gives itself away: PEM keys, JSON web tokens, IKE's own base64 and hex, recovery keys, a URL's account. */
const SHAPES: readonly RegExp[] = [
  /(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----\s)([\s\S]*?)(?=-----END|$)/g,
  /(\b)(eyJ[\w+/=-]{20,}(?:\.[\w-]+)*)/g,
  /(\b)(0s[A-Za-z0-9+/]{8,}={0,2})/g,
  /(\b)(\d{6}(?:-\d{6}){7})(?!\d)/g,
  /(\b)([A-Z0-9]{4}(?:-[A-Z0-9]{4}){5})\b/g,
  /(:\/\/)([^\s/@"'<>]{1,200})(?=@)/g,
  /(")([A-Za-z0-9+][A-Za-z0-9+/]{59,}={0,2})(?=")/g,
];

/** Pairs of hexadecimal digits in a row, as cryptsetup prints digests and salts. */
const HEX_PAIRS = /(\b)((?:[0-9a-f]{2}[ \t]{1,4}){7,}[0-9a-f]{2})\b/gi;

export function redactSecrets(text: string, alias: Alias): string {
  const stand = (secret: string) => (isPlain(secret) ? secret : standFor(secret, alias));
  const pairs = text.replace(HEX_PAIRS, (whole, before: string, run: string) => {
    if (!/[a-f]/i.test(run)) return whole;
    alias('secret', 'secret', run, () => '');
    return `${before}${run.replaceAll(/[0-9a-f]/gi, '0')}`;
  });
  const assigned = pairs
    .replace(
      PLIST,
      (_, key: string, type: string, value: string) => `${key}${plistValue(type, value, stand)}`,
    )
    .replace(ASSIGNED, (_, key: string, double?: string, single?: string, bare?: string) => {
      if (double !== undefined) return `${key}"${stand(double)}"`;
      return single === undefined ? `${key}${trimmed(bare ?? '', stand)}` : `${key}'${stand(single)}'`;
    });
  return [COLUMNS, ARGUMENT, KEY_LINE, ...SHAPES].reduce(
    (redacted, pattern) =>
      redacted.replace(pattern, (_, before: string, secret: string) => `${before}${stand(secret)}`),
    assigned,
  );
}

function trimmed(value: string, stand: (secret: string) => string): string {
  const secret = value.trim();
  return value.replace(secret, () => stand(secret));
}

function plistValue(type: string, value: string, stand: (secret: string) => string): string {
  return type === 'data' ? Buffer.from(stand(value.trim())).toString('base64') : stand(value);
}

/** Answers about a secret that are none, among them the names of ways to prove oneself. */
const PLAIN =
  /^(?:|true|false|null|yes|no|on|off|none|any|unset|not set|\d|<?hidden>?|\(null\)|\*+|keychain|psk|sharedsecret|redacted\d+|sha\d+|(?:<dictionary>|<array>).*)$/i;

function isPlain(value: string): boolean {
  return PLAIN.test(value.trim());
}

/** A number stays one, so that JSON stays JSON. */
function standFor(secret: string, alias: Alias): string {
  const stand = alias('secret', 'secret', secret, (number) => `redacted${number}`);
  return /^\d+$/.test(secret) ? '0' : stand;
}

/** Whether the text in a property of that name is a secret. */
export function isSecretKey(key: string): boolean {
  return new RegExp(`(?:${WORDS})$`, 'i').test(key);
}

/** The whole of `value`, which a property's name said to be a secret. */
export function secretFor(value: string, alias: Alias): string {
  return isPlain(value) ? value : standFor(value, alias);
}

/** /proc/PID/environ: programs are handed anything that way. Only what says which container this is stays. */
export function redactEnvironment(text: string, alias: Alias): string {
  return text.replace(/(^|\0)([^=\0]*)=([^\0]*)/g, (whole, before: string, name: string, value: string) =>
    /^(?:container|container_ttys|WSL_DISTRO_NAME|TERM|LANG)$/.test(name)
      ? whole
      : `${before}${name}=${secretFor(value, alias)}`,
  );
}
