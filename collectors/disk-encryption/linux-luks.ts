import { z } from 'zod';
import { parseJson } from '../json.ts';
import type { Cover, Crypt } from './linux-block.ts';

/** A part of a LUKS2 device. `bytes` is null for "the rest of the device". */
type Segment = { encrypted: boolean; hardware: boolean; cipher: string | null; bytes: number | null };

const luks2 = z.object({
  segments: z.record(
    z.string(),
    z.object({
      type: z.string(),
      size: z.string().default('dynamic'),
      encryption: z.string().optional(),
      flags: z.array(z.string()).default([]),
    }),
  ),
  keyslots: z
    .record(
      z.string(),
      z.object({ type: z.string(), key_size: z.number().optional(), mode: z.string().optional() }),
    )
    .default({}),
  tokens: z
    .record(
      z.string(),
      z.object({
        type: z.string(),
        keyslots: z.array(z.string()).default([]),
        'tpm2-pin': z.boolean().optional(),
      }),
    )
    .default({}),
  config: z.object({ requirements: z.object({ mandatory: z.array(z.string()) }).optional() }).optional(),
});

type Luks2 = z.infer<typeof luks2>;

/** `cryptsetup luksDump --dump-json-metadata`. Key slots' salts and digests never get past the schema. */
export function parseLuksJson(text: string): Crypt | null {
  const header = luks2.safeParse(parseJson(text));
  if (!header.success) return null;
  const { segments, keyslots } = header.data;
  const active = Object.values(segments)
    .filter(({ flags }) => !flags.some(isBackup))
    .map(({ type, size, encryption = null }) => segmentOf(type, encryption, size));
  const bits = Object.values(keyslots).find(({ type }) => type === 'luks2')?.key_size;
  const mode = Object.values(keyslots).find(({ type }) => type.startsWith('reencrypt'))?.mode;
  return describe(active, {
    bits: bits === undefined ? null : bits * 8,
    mode: isReencrypting(header.data) ? (mode ?? 'reencrypt') : null,
    keyProtectors: protectorsOf(header.data),
  });
}

/** Segments kept for recovery describe the past or the future, not the present. */
function isBackup(flag: string): boolean {
  return flag.startsWith('backup-');
}

function isReencrypting({ config }: Luks2): boolean {
  const requirements = config?.requirements?.mandatory ?? [];
  return requirements.some((requirement) => requirement.startsWith('online-reencrypt'));
}

function segmentOf(type: string, cipher: string | null, size: string): Segment {
  const hardware = type.startsWith('hw-opal');
  const software = type === 'crypt' || type === 'hw-opal-crypt';
  const bytes = /^\d+$/.test(size) ? Number(size) : null;
  return {
    encrypted: hardware || (software && cipher !== null && !isNullCipher(cipher)),
    hardware,
    cipher,
    bytes,
  };
}

/** A cipher of that name passes everything through as it is. */
export function isNullCipher(cipher: string): boolean {
  return cipher.includes('cipher_null');
}

function describe(
  active: readonly Segment[],
  { bits, mode, keyProtectors }: { bits: number | null; mode: string | null; keyProtectors: string[] | null },
): Crypt | null {
  const cover = coverOf(active);
  if (cover === null) return null;
  // A change of key runs from encrypted to encrypted: nothing lies in the clear on the way.
  const converting = mode === 'encrypt' ? 'encrypting' : mode === 'decrypt' ? 'decrypting' : null;
  const percent = converting === null ? null : percentOf(active);
  return { cover, method: methodOf(active, bits), converting, percent, keyProtectors, keyInClear: false };
}

function coverOf(active: readonly Segment[]): Cover | null {
  if (active.length === 0) return null;
  if (active.every(({ encrypted }) => encrypted)) return 'yes';
  return active.some(({ encrypted }) => encrypted) ? 'partial' : 'no';
}

function methodOf(active: readonly Segment[], bits: number | null): string {
  const software = active.find(({ cipher }) => cipher !== null)?.cipher;
  const opal = active.some(({ hardware }) => hardware);
  if (software === undefined || software === null) return opal ? 'opal' : 'luks2';
  const name = ['luks2', software, bits].filter((part) => part !== null).join('-');
  return opal ? `opal+${name}` : name;
}

/** Encrypted bytes of all; null as soon as one segment does not state its size. */
function percentOf(active: readonly Segment[]): number | null {
  const total = sum(active);
  const done = sum(active.filter(({ encrypted }) => encrypted));
  return total === null || done === null || total === 0 ? null : Math.round((done / total) * 100);
}

function sum(segments: readonly Segment[]): number | null {
  return segments.reduce<number | null>(
    (total, { bytes }) => (total === null || bytes === null ? null : total + bytes),
    0,
  );
}

const TOKEN_KINDS: Readonly<Record<string, string>> = {
  'systemd-tpm2': 'tpm',
  'systemd-fido2': 'fido2',
  'systemd-pkcs11': 'smartcard',
  'systemd-recovery': 'recovery',
  clevis: 'clevis',
};

/** What opens the volume, by kind. A key slot that no token speaks for is opened by something typed or a key file. */
function protectorsOf({ keyslots, tokens }: Luks2): string[] {
  const kinds = Object.values(tokens).map((token) =>
    token['tpm2-pin'] ? 'tpm-pin' : (TOKEN_KINDS[token.type] ?? 'token'),
  );
  const spokenFor = new Set(Object.values(tokens).flatMap((token) => token.keyslots));
  const free = Object.entries(keyslots).some(([id, { type }]) => type === 'luks2' && !spokenFor.has(id));
  return [...new Set([...kinds, ...(free ? ['password'] : [])])];
}

/** `cryptsetup luksDump` of either version, for headers and tools that know no JSON. */
export function parseLuksText(text: string): Crypt | null {
  const version = /^Version:\s+([12])\s*$/m.exec(text)?.[1];
  if (version === '1') return parseLuks1(text);
  return version === '2' ? parseLuks2Text(text) : null;
}

function parseLuks1(text: string): Crypt | null {
  const value = (key: string) => new RegExp(`^${key}:\\s+(\\S+)\\s*$`, 'm').exec(text)?.[1];
  const [name, mode, bits] = [value('Cipher name'), value('Cipher mode'), value('MK bits')];
  if (name === undefined || mode === undefined) return null;
  const enabled = /^Key Slot \d: ENABLED/m.test(text);
  return {
    cover: isNullCipher(name) ? 'no' : 'yes',
    method: ['luks1', name, mode, bits].filter((part) => part !== undefined).join('-'),
    converting: null,
    percent: null,
    keyProtectors: enabled ? ['password'] : [],
    keyInClear: false,
  };
}

/** The text does not say which way a re-encryption goes: plain segments on the way are being encrypted. */
function parseLuks2Text(text: string): Crypt | null {
  const [, listing = ''] = /^Data segments:\n([\s\S]*?)^Keyslots:/m.exec(text) ?? [];
  const blocks = listing.split(/\n(?= {2}\d+: )/).filter((block) => !/^\t+flags *: .*backup-/m.test(block));
  const active = blocks.flatMap(parseSegmentText);
  const bits = /^\t+Cipher key: +(\d+) bits/m.exec(text)?.[1];
  const mode = /^\t+Mode: +(encrypt|decrypt|reencrypt)$/m.exec(text)?.[1];
  const running = /^Requirements:.*\bonline-reencrypt/m.test(text);
  return describe(active, {
    bits: bits === undefined ? null : Number(bits),
    mode: running ? (mode ?? 'reencrypt') : null,
    keyProtectors: protectorsInText(text),
  });
}

function parseSegmentText(block: string): Segment[] {
  const type = /^ {2}\d+: (\S+)/.exec(block)?.[1];
  if (type === undefined) return [];
  const cipher = /^\t+cipher: ([a-z]\S*)$/m.exec(block)?.[1] ?? null;
  const size = /^\t+length: (\d+) \[bytes\]/m.exec(block)?.[1] ?? 'dynamic';
  return [segmentOf(type, cipher, size)];
}

function protectorsInText(text: string): string[] {
  const section = (name: string) => new RegExp(`^${name}:\\n((?:[ \\t].*\\n?)*)`, 'm').exec(text)?.[1] ?? '';
  const tokens = section('Tokens');
  const spokenFor = new Set([...tokens.matchAll(/^\t+Keyslot: +(\d+)/gm)].map(([, id]) => id));
  const kinds = entriesOf(tokens).map(([, , type = '']) => TOKEN_KINDS[type] ?? 'token');
  const free = entriesOf(section('Keyslots')).some(([, id, type]) => type === 'luks2' && !spokenFor.has(id));
  return [...new Set([...kinds, ...(free ? ['password'] : [])])];
}

/** Lines `  0: systemd-tpm2`. */
function entriesOf(section: string): RegExpExecArray[] {
  return [...section.matchAll(/^ {2}(\d+): (\S+)/gm)];
}
