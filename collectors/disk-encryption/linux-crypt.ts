import { cryptsetup, dmsetup } from '../../src/base/commands.ts';
import type { Host } from '../check.ts';
import type { Crypt } from './linux-block.ts';
import { isNullCipher, parseLuksJson, parseLuksText } from './linux-luks.ts';

/** Device-mapper uuids `CRYPT-<kind>-…`; VERITY and INTEGRITY check data, they do not hide it. */
const KINDS: Readonly<Record<string, string>> = {
  LUKS1: 'luks1',
  LUKS2: 'luks2',
  PLAIN: 'plain',
  LOOPAES: 'loopaes',
  TCRYPT: 'tcrypt',
  BITLK: 'bitlocker',
  FVAULT2: 'filevault2',
};

/**
 * An open dm-crypt device by its uuid. `backing` is the kernel's name of the device that holds its header. The header
 * tells half-finished encryption and null ciphers; without root the mapping itself is all that can be seen.
 */
export async function readCrypt(host: Host, uuid: string, backing: string | null): Promise<Crypt | null> {
  const kind = KINDS[uuid.split('-')[1] ?? ''];
  if (kind === undefined) return null;
  return kind.startsWith('luks') ? readHeader(host, kind, backing) : readTable(host, uuid, kind);
}

/** A mapping of which nothing more is known. */
export function mapped(method: string): Crypt {
  return { cover: 'yes', method, converting: null, percent: null, keyProtectors: null, keyInClear: false };
}

/** A volume that is open without a header on its device has that elsewhere. What was printed must be understood. */
export async function readHeader(host: Host, kind: string, backing: string | null): Promise<Crypt> {
  if (!host.isRoot || backing === null) return mapped(kind);
  const device = `/dev/${backing}`;
  // Answers for LUKS2 alone, and only since cryptsetup 2.4.
  const json = await host.run(cryptsetup, ['luksDump', '--dump-json-metadata', device]);
  if (json.code === 0) return parseLuksJson(json.stdout) ?? notUnderstood(kind);
  const dump = await host.run(cryptsetup, ['luksDump', device]);
  return dump.code === 0 ? (parseLuksText(dump.stdout) ?? notUnderstood(kind)) : mapped(kind);
}

function notUnderstood(kind: string): Crypt {
  return { ...mapped(kind), cover: null };
}

async function readTable(host: Host, uuid: string, kind: string): Promise<Crypt> {
  if (!host.isRoot) return mapped(kind);
  const { code, stdout } = await host.run(dmsetup, ['table', '--uuid', uuid]);
  return code === 0 ? (parseTable(stdout, kind) ?? notUnderstood(kind)) : mapped(kind);
}

/** `0 204800 crypt aes-xts-plain64 <key> 0 254:3 0`; dmsetup prints the key as zeros, and it is dropped here. */
export function parseTable(text: string, kind: string): Crypt | null {
  const ciphers = [...text.matchAll(/^\d+ \d+ crypt (\S+) (\S+)/gm)];
  const [, cipher, key = ''] = ciphers[0] ?? [];
  if (cipher === undefined) return null;
  const nothing = ciphers.some(([, name = '']) => isNullCipher(name));
  return { ...mapped(`${kind}-${cipher}-${keyBits(key)}`), cover: nothing ? 'no' : 'yes' };
}

/** Hexadecimal digits, or `:<bytes>:logon:<name>` for a key in the kernel's keyring. */
function keyBits(key: string): number {
  const inKeyring = /^:(\d+):/.exec(key)?.[1];
  return inKeyring === undefined ? key.length * 4 : Number(inKeyring) * 8;
}
