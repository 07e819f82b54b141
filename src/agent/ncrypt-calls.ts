import { windowsApi } from '../base/windows-api.ts';

/* What of ncrypt.h is called, as it is declared there. */

export type Handle = number | bigint;
export type Out<T> = [T];
/** Zero, or why not (winerror.h). */
export type Status = number;

let declared: Promise<NCryptCalls> | null = null;

export function nCryptCalls(): Promise<NCryptCalls> {
  return (declared ??= declareAll());
}

async function declareAll() {
  const { koffi, declare } = await windowsApi();
  const handle = 'uintptr_t';
  const number = 'uint32_t';
  const outHandle = koffi.out(koffi.pointer(handle));
  const outNumber = koffi.out(koffi.pointer(number));
  return {
    openProvider: declare<(provider: Out<Handle>, name: string, flags: number) => Status>(
      'ncrypt',
      'NCryptOpenStorageProvider',
      [number, outHandle, 'str16', number],
    ),
    create: declare<
      (
        provider: Handle,
        key: Out<Handle>,
        algorithm: string,
        name: string,
        spec: number,
        flags: number,
      ) => Status
    >('ncrypt', 'NCryptCreatePersistedKey', [number, handle, outHandle, 'str16', 'str16', number, number]),
    finalize: declare<(key: Handle, flags: number) => Status>('ncrypt', 'NCryptFinalizeKey', [
      number,
      handle,
      number,
    ]),
    open: declare<(provider: Handle, key: Out<Handle>, name: string, spec: number, flags: number) => Status>(
      'ncrypt',
      'NCryptOpenKey',
      [number, handle, outHandle, 'str16', number, number],
    ),
    export: declare<
      (
        key: Handle,
        wrapping: Handle,
        kind: string,
        parameters: null,
        into: Buffer,
        size: number,
        used: Out<number>,
        flags: number,
      ) => Status
    >('ncrypt', 'NCryptExportKey', [
      number,
      handle,
      handle,
      'str16',
      'void *',
      'void *',
      number,
      outNumber,
      number,
    ]),
    import: declare<
      (
        provider: Handle,
        wrapping: Handle,
        kind: string,
        parameters: null,
        key: Out<Handle>,
        blob: Buffer,
        size: number,
        flags: number,
      ) => Status
    >('ncrypt', 'NCryptImportKey', [
      number,
      handle,
      handle,
      'str16',
      'void *',
      outHandle,
      'void *',
      number,
      number,
    ]),
    sign: declare<
      (
        key: Handle,
        padding: null,
        hash: Buffer,
        hashSize: number,
        into: Buffer,
        size: number,
        used: Out<number>,
        flags: number,
      ) => Status
    >('ncrypt', 'NCryptSignHash', [
      number,
      handle,
      'void *',
      'void *',
      number,
      'void *',
      number,
      outNumber,
      number,
    ]),
    agree: declare<(key: Handle, peer: Handle, secret: Out<Handle>, flags: number) => Status>(
      'ncrypt',
      'NCryptSecretAgreement',
      [number, handle, handle, outHandle, number],
    ),
    derive: declare<
      (
        secret: Handle,
        how: string,
        parameters: null,
        into: Buffer,
        size: number,
        used: Out<number>,
        flags: number,
      ) => Status
    >('ncrypt', 'NCryptDeriveKey', [number, handle, 'str16', 'void *', 'void *', number, outNumber, number]),
    remove: declare<(key: Handle, flags: number) => Status>('ncrypt', 'NCryptDeleteKey', [
      number,
      handle,
      number,
    ]),
    free: declare<(object: Handle) => Status>('ncrypt', 'NCryptFreeObject', [number, handle]),
  };
}

export type NCryptCalls = Awaited<ReturnType<typeof declareAll>>;
