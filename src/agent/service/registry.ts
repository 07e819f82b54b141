import { err, ok, type Result } from '../../base/result.ts';
import { windowsApi } from '../../base/windows-api.ts';
import type { InvitationPlace, InvitationWords } from '../invitation.ts';

/** Below HKEY_LOCAL_MACHINE; the installer writes `Url` and `Token` there, for the service alone to read. */
export const INVITATION_KEY = 'Software\\Drawbridge\\Enroll';

/** All that is ours in the registry besides what the installer itself takes away. */
const OWN_KEY = 'Software\\Drawbridge';

const VALUES = [
  ['ENROLL_URL', 'Url'],
  ['ENROLL_TOKEN', 'Token'],
] as const;

/**
 * An invitation in the registry. A value without text counts as none: an installer that was not told to enrol anybody
 * leaves such ones.
 */
export function invitationInRegistry(key = INVITATION_KEY): InvitationPlace {
  const name = `HKLM\\${key}`;
  return {
    name,
    async read() {
      const { textOf } = await registry();
      const words: InvitationWords = {};
      for (const [word, value] of VALUES) {
        const found = textOf(key, value);
        if (!found.ok) return err(`${name} cannot be read: error ${found.error}`);
        if (found.value !== null && found.value !== '') words[word] = found.value;
      }
      return ok(Object.keys(words).length === 0 ? null : words);
    },
    remove: () => removeKey(key),
  };
}

/** Removes what an installer has written for the service. */
export function forgetRegistry(): Promise<void> {
  return removeKey(OWN_KEY);
}

async function removeKey(key: string): Promise<void> {
  const { removeTree } = await registry();
  const code = removeTree(key);
  if (code !== DONE && code !== NOT_FOUND) throw new Error(`HKLM\\${key} cannot be removed: error ${code}`);
}

/* winreg.h, winerror.h */
const HKEY_LOCAL_MACHINE = -2_147_483_646;
const RRF_RT_REG_SZ = 0x2;
const DONE = 0;
const NOT_FOUND = 2;

/** Bytes of one value at most. */
const MAX_BYTES = 4_096;

async function registry() {
  const { koffi, declare } = await windowsApi();
  const getValue = declare<
    (
      root: number,
      key: string,
      value: string,
      flags: number,
      type: null,
      data: Buffer,
      bytes: [number],
    ) => number
  >('advapi32', 'RegGetValueW', [
    'int32_t',
    'intptr_t',
    'str16',
    'str16',
    'uint32_t',
    'void *',
    'void *',
    koffi.inout(koffi.pointer('uint32_t')),
  ]);
  const deleteTree = declare<(root: number, key: string) => number>('advapi32', 'RegDeleteTreeW', [
    'int32_t',
    'intptr_t',
    'str16',
  ]);
  return {
    /** Null where there is none; the error is Windows' own number. */
    textOf(key: string, value: string): Result<string | null, number> {
      const data = Buffer.alloc(MAX_BYTES);
      const bytes: [number] = [data.length];
      const code = getValue(HKEY_LOCAL_MACHINE, key, value, RRF_RT_REG_SZ, null, data, bytes);
      if (code === NOT_FOUND) return ok(null);
      if (code !== DONE) return err(code);
      return ok(data.toString('utf16le', 0, bytes[0]).replace(/\0.*$/s, ''));
    },
    removeTree: (key: string) => deleteTree(HKEY_LOCAL_MACHINE, key),
  };
}
