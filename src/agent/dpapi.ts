import { windowsApi } from '../base/windows-api.ts';

/*
 * Windows' Data Protection API: a key of this account's, which lies in its profile (LocalSystem's: below
 * System32\Microsoft\Protect, for the system alone), encrypts what it is given. Never the scope of the whole machine:
 * there any account of this computer that comes to see the text can read it.
 */

/** Without a desktop nobody could answer a question. */
const UI_FORBIDDEN = 0x1;

/** Part of what is encrypted: what was protected for something else is refused. No secret. */
const PURPOSE = Buffer.from('drawbridge-keys');
const DESCRIPTION = 'Drawbridge: keys of this device';

/** Windows refuses; `code` is its own number for why. */
export class DpapiError extends Error {
  override name = 'DpapiError';
  readonly code: number;
  constructor(what: string, code: number) {
    super(`${what} failed with error 0x${code.toString(16).padStart(8, '0')}`);
    this.code = code;
  }
}

/** A DATA_BLOB. */
type Blob = { cbData: number; pbData: unknown };
type Transform = (
  data: Blob,
  description: string | null,
  purpose: Blob,
  reserved: null,
  prompt: null,
  flags: number,
  result: Partial<Blob>,
) => number;

/** What this account, and no other, can turn back into `bytes`. Throws `DpapiError`. */
export function protect(bytes: Uint8Array): Promise<Buffer> {
  return transform('CryptProtectData', bytes, DESCRIPTION);
}

/** Throws `DpapiError` for what another account or another computer has protected, or what was changed. */
export function unprotect(bytes: Uint8Array): Promise<Buffer> {
  return transform('CryptUnprotectData', bytes, null);
}

async function transform(
  name: 'CryptProtectData' | 'CryptUnprotectData',
  bytes: Uint8Array,
  description: string | null,
): Promise<Buffer> {
  const { koffi, declare, lastError } = await windowsApi();
  const blob = koffi.pointer(koffi.struct({ cbData: 'uint32_t', pbData: 'void *' }));
  // The description is a text going in and a pointer, which is not asked for, coming out.
  const second = name === 'CryptProtectData' ? 'str16' : 'void *';
  const call = declare<Transform>('crypt32', name, [
    'int',
    blob,
    second,
    blob,
    'void *',
    'void *',
    'uint32_t',
    koffi.out(blob),
  ]);
  const free = declare<(memory: unknown) => unknown>('kernel32', 'LocalFree', ['void *', 'void *']);
  const result: Partial<Blob> = {};
  if (call(blobOf(bytes), description, blobOf(PURPOSE), null, null, UI_FORBIDDEN, result) === 0)
    throw new DpapiError(name, lastError());
  const { cbData = 0, pbData } = result;
  const made = Buffer.from(koffi.decode(pbData, koffi.array('uint8_t', cbData, 'Typed')) as Uint8Array);
  koffi.encode(pbData, koffi.array('uint8_t', cbData), new Uint8Array(cbData));
  free(pbData);
  return made;
}

function blobOf(bytes: Uint8Array): Blob {
  return { cbData: bytes.length, pbData: bytes };
}
