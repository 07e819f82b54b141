import type { Alias } from './redact-aliases.ts';

/*
 * Names of people, computers and gateways. They are learned where a system says what they are (accounts, home folders,
 * sessions, settings of VPNs) and then taken out wherever they stand as a word.
 */

export type NameBook = 'user' | 'host' | 'gateway';

export type Names = {
  /** Looks for names in a text, or in a path. */
  learn(text: string): void;
  add(book: NameBook, name: string): void;
  /** `text` with every name that was learned replaced. */
  redact(text: string): string;
};

/** Accounts and computers that many have: to leave them tells nothing, to replace them takes words that readers need. */
const ANYBODYS =
  /^(?:root|admin|administrator|user|users|guest|test|nobody|default|public|shared|all users|default user|live|pi|vagrant|ec2-user|opc|ubuntu|debian|fedora|centos|rocky|arch|linux|localhost|localdomain|lost\+found|linuxbrew|consoleuser|none|any|null|true|false|yes|no|on|off|up|down|loginwindow|\.default)$/i;

/** Names that are words of the tools' own output: they go only where it is said that they are names. */
const ALSO_WORDS =
  /^(?:.|ip|id|ss|tr|sh|ls|rm|ps|nm|is|to|as|at|by|or|in|of|if|so|mark|max|will|grant|rob|bill|art|gene|frank|jack|dean|guy|ray|may|drew|chase|rose|rich|sky|home|work|link|state|name|type|policy|table|chain|active|running|enabled|system|service|device|local|remote|office|vpn)$/i;

const MAX_NAMES = 2_000;
const MAX_NAME = 128;

export function createNames(alias: Alias): Names {
  const books = new Map<string, NameBook>();
  let pattern: RegExp | null = null;
  const add = (book: NameBook, name: string) => {
    const key = name.trim().toLowerCase();
    if (key === '' || key.length > MAX_NAME || ANYBODYS.test(key) || books.size >= MAX_NAMES) return;
    if (books.has(key)) return;
    books.set(key, book);
    pattern = null;
  };
  const standFor = (name: string) => standIn(alias, books, name);
  return {
    add,
    learn(text) {
      for (const { book, name } of namesIn(text)) add(book, name);
    },
    redact(text) {
      pattern ??= patternFor([...books.keys()].filter((name) => !ALSO_WORDS.test(name)));
      const inPlace = redactPlaces(text, standFor, alias);
      return pattern === null ? inPlace : inPlace.replace(pattern, standFor);
    },
  };
}

function standIn(alias: Alias, books: ReadonlyMap<string, NameBook>, written: string): string {
  const name = plain(written).toLowerCase();
  const book = books.get(name);
  // As long as the name, so that columns stay where they are.
  const prefix = book === 'host' ? 'h' : 'u';
  if (book === undefined) return written;
  return alias('name', 'name', name, (number) =>
    book === 'gateway'
      ? `gateway${number}.example`
      : `${prefix}${String(number).padStart(name.length - 1, '0')}`,
  );
}

/** Longest first, so that a full name goes before the first name in it. */
function patternFor(names: readonly string[]): RegExp | null {
  if (names.length === 0) return null;
  const forms = names.flatMap(formsOf).toSorted((a, b) => b.length - a.length);
  return new RegExp(`(?<![A-Za-z0-9])(?:${forms.map(escaped).join('|')})(?![A-Za-z0-9])`, 'gi');
}

/** As it is, and as it stands in JSON that keeps to ASCII, and in /proc/self/mountinfo. */
function formsOf(name: string): string[] {
  const ascii = name.replaceAll(
    /[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return [...new Set([name, ascii, name.replaceAll(' ', '\\040')])];
}

function plain(written: string): string {
  return written
    .replaceAll(/\\u([0-9a-f]{4})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    .replaceAll('\\040', ' ');
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

type Found = { book: NameBook; name: string };

/** Where a system says that the group is a name. */
const PLACES: readonly (readonly [NameBook, RegExp])[] = [
  // Home folders; a name on Windows may hold spaces.
  ['user', /(?<!State:)\/(?:home|Users)\/([^/\s"':,;<>]{1,64})/g],
  ['user', /\b[A-Z]:\\{1,2}Users\\{1,2}([^\\/:*?"<>|\r\n]{1,64})(?=\\|"|$)/gim],
  // loginctl show-session, list-sessions -j, list-sessions, busctl's array of sessions; people start at 1000.
  ['user', /^User=(?!65534)\d{4,10}\nName=(\S{1,64})$/gm],
  ['user', /"uid"\s?:\s?(?!65534)\d{4,10},\s?"user"\s?:\s?"([^"\n]{1,64})"/g],
  ['user', /^\s{0,20}\w{1,20}\s{1,8}(?!65534)\d{4,10}\s{1,8}(\S{1,64})\s{1,40}(?:seat|-)/gm],
  ['user', /"\w{1,20}",(?!65534)\d{4,10},"([^"\n]{1,64})"/g],
  // macOS: who is at the screen.
  ['user', /\bkCGSSession(?:Long)?UserNameKey : ([^\n]{1,64})$/gm],
  // The account at the gateway: vpn.data of NetworkManager, macOS' settings.
  ['user', /\bpassword-flags = \d, (?:[^\n]{0,500}, )?user = ([^\s,]{1,128})/g],
  ['user', /<key>AuthName<\/key>\s{0,40}<string>([^<]{1,128})</g],
  ['host', /(?:^|\0)(?:HOSTNAME|COMPUTERNAME)=([^\s\0]{1,128})/g],
  [
    'gateway',
    /\b(?:gateway|lns|right|remote[_-]addrs)\s{0,8}=\s{0,8}\[?((?:[\w-]{1,63}\.){1,8}[A-Za-z][\w-]{1,62})/g,
  ],
  ['gateway', /<key>CommRemoteAddress<\/key>\s{0,40}<string>([^<]{1,128})</g],
  ['gateway', /\bPhoneNumber=((?:[\w-]{1,63}\.){1,8}[A-Za-z][\w-]{1,62})/g],
];

const PASSWD =
  /^([^:\n]{1,64}):([^:\n]{0,100}):(\d{1,10}):(\d{1,10}):([^:\n]{0,200}):([^:\n]{0,500})(?=:[^:\n]{0,200}$)/gm;

function namesIn(text: string): Found[] {
  const placed = PLACES.flatMap(([book, place]) =>
    [...text.matchAll(place)].map(([, name = '']) => ({ book, name })),
  );
  const accounts = [...text.matchAll(PASSWD)].flatMap(([, name = '', , id, , comment = '']) =>
    isPerson(Number(id)) ? [name, comment.split(',')[0] ?? ''] : [],
  );
  return [...placed, ...accounts.map((name) => ({ book: 'user' as const, name }))];
}

function isPerson(id: number): boolean {
  return id >= 1_000 && id !== 65_534;
}

/** Places whose whole content goes, whether or not the name can be taken out elsewhere. */
function redactPlaces(text: string, standFor: (name: string) => string, alias: Alias): string {
  const homes = redactHomes(text, standFor, alias);
  const accounts = homes.replace(
    PASSWD,
    (line, name: string, password: string, id: string, group: string, _comment: string, home: string) =>
      isPerson(Number(id)) ? [standFor(name), password, id, group, '', home].join(':') : line,
  );
  return redactWireless(redactDistinguished(accounts, alias), alias);
}

const HOME =
  /((?<!State:)\/(?:home|Users)\/|\b[A-Z]:\\{1,2}Users\\{1,2})([^/\\\s"':,;<>]{1,64})((?:(?:\/|\\{1,2})[^/\\\s"':,;<>]{1,255}){0,40})/gi;
/** A scanner's line may hold a path with spaces, up to its verdict. */
const FOUND =
  /^(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4} -> )?(\/(?:home|Users)\/[^\n]{1,4096})(: \S{1,300} FOUND)$/gm;
const WHOLE_PATH = /^(\/(?:home|Users)\/)([^/\n]{1,64})((?:\/[^/\n]{1,255}){0,40})$/;

function redactHomes(text: string, standFor: (name: string) => string, alias: Alias): string {
  const home = (_: string, folder: string, name: string, below: string) =>
    `${folder}${standFor(name)}${redactBelow(below, alias)}`;
  return text
    .replace(WHOLE_PATH, home)
    .replace(
      FOUND,
      (_, date: string | undefined, path: string, verdict: string) =>
        `${date ?? ''}${path.replace(WHOLE_PATH, home)}${verdict}`,
    )
    .replace(HOME, home);
}

/** Settings keep their paths, which are the same for everybody; a person's own files and folders have names. */
function redactBelow(below: string, alias: Alias): string {
  if (/^[/\\]+(?:\.|Library\b|AppData\b)/i.test(below)) return below;
  return below.replaceAll(/[^/\\]+/g, (part) => {
    const extension = /\.[A-Za-z0-9]{1,5}$/.exec(part)?.[0] ?? '';
    return OWN_STAND_IN.test(part)
      ? part
      : `${alias('name', 'path', part, (number) => `p${number}`)}${extension}`;
  });
}

/** A path that was replaced already, as part of a longer line. */
const OWN_STAND_IN = /^p\d{1,6}(?:\.[A-Za-z0-9]{1,5})?$/;

/** Certificates' subjects name people and companies. */
function redactDistinguished(text: string, alias: Alias): string {
  return text.replace(
    /\b(CN|O|OU)=((?!\s)[^,=}"\n]{1,200}?)(?=,|\s{1,4}[\w-]{1,40}[=\s]|\s{0,4}[}"]|$)/gm,
    (_, key: string, value: string) =>
      `${key}=${alias('name', 'subject', value, (number) => `subject${number}`)}`,
  );
}

/** Rows of `nmcli connection show`: a wireless network's name tells where its owner goes. */
function redactWireless(text: string, alias: Alias): string {
  return text.replace(
    /^((?:\\.|[^\\:\n]){1,200})(:[0-9a-f-]{36}:802-11-wireless:[^/\n]{0,100})(\/[^\n]{0,300})?$/gm,
    (_, name: string, fields: string, path?: string) => {
      const stand = alias('name', 'network', name, (number) => `network${number}`);
      return `${stand}${fields}${path === undefined ? '' : `/${stand}.nmconnection`}`;
    },
  );
}
