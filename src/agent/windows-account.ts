import { windowsApi } from '../base/windows-api.ts';

/** The account that every service runs as which is not told otherwise. */
export const LOCAL_SYSTEM = 'S-1-5-18';

/* winnt.h */
const TOKEN_QUERY = 0x8;
const TOKEN_USER = 1;

/** The SID of the account as which this process runs. Throws where Windows does not say. */
export async function ownAccount(): Promise<string> {
  const { koffi, declare, lastError } = await windowsApi();
  const pointer = koffi.out(koffi.pointer('void *'));
  const process = declare<() => unknown>('kernel32', 'GetCurrentProcess', ['void *']);
  const open = declare<(process: unknown, rights: number, token: [unknown]) => number>(
    'advapi32',
    'OpenProcessToken',
    ['int', 'void *', 'uint32_t', pointer],
  );
  const close = declare<(handle: unknown) => number>('kernel32', 'CloseHandle', ['int', 'void *']);
  const about = declare<(token: unknown, what: number, into: Buffer, size: number, used: [number]) => number>(
    'advapi32',
    'GetTokenInformation',
    ['int', 'void *', 'int', 'void *', 'uint32_t', koffi.out(koffi.pointer('uint32_t'))],
  );
  const asText = declare<(sid: unknown, text: [unknown]) => number>('advapi32', 'ConvertSidToStringSidW', [
    'int',
    'void *',
    pointer,
  ]);
  const free = declare<(memory: unknown) => unknown>('kernel32', 'LocalFree', ['void *', 'void *']);

  const failed = (what: string) =>
    new Error(`Windows does not say who runs this (${what}, error ${lastError()})`);
  const token: [unknown] = [null];
  if (open(process(), TOKEN_QUERY, token) === 0) throw failed('OpenProcessToken');
  // A pointer to the SID, which lies behind it in the same memory.
  const user = Buffer.alloc(256);
  const done = about(token[0], TOKEN_USER, user, user.length, [0]);
  close(token[0]);
  if (done === 0) throw failed('GetTokenInformation');
  const text: [unknown] = [null];
  if (asText(koffi.decode(user, 'void *'), text) === 0) throw failed('ConvertSidToStringSidW');
  const sid = koffi.decode.string16(text[0]);
  free(text[0]);
  return sid;
}
