import { windowsApi } from '../base/windows-api.ts';

/* tbs.h */
const NOT_FOUND = 0x8028_400f;
const VERSION_2 = 2;
/** TPM_DEVICE_INFO: four numbers of 32 bits, of which the second is the version. */
const INFO_BYTES = 16;

/**
 * Whether there is a TPM 2.0 for Windows to use, which says nothing on whether it works. Where Windows cannot tell,
 * there may be one: the provider is asked, and says why it fails.
 */
export async function mayHaveTpm(): Promise<boolean> {
  const { declare } = await windowsApi();
  const ask = declare<(size: number, info: Buffer) => number>('tbs', 'Tbsi_GetDeviceInfo', [
    'uint32_t',
    'uint32_t',
    'void *',
  ]);
  const info = Buffer.alloc(INFO_BYTES);
  const status = ask(info.length, info);
  // An older TPM knows no P-256.
  return status === 0 ? info.readUInt32LE(4) === VERSION_2 : status !== NOT_FOUND;
}
