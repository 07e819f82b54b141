import { join } from 'node:path';
import type * as koffiModule from 'koffi';
import type { KoffiFunc, LibraryHandle } from 'koffi';
import { isPackaged } from './assets.ts';
import { loadNative } from './native.ts';

/*
 * Calls of Windows that no program of Windows offers. Nothing here is touched on another system: koffi is loaded with
 * the first call. Who needs functions declares them beside their use, as src/agent/dpapi.ts does.
 */

export type Koffi = typeof koffiModule;

/** Libraries of Windows itself, on one page for auditors as the programs are (commands.ts). */
export type WindowsLibrary = 'advapi32' | 'crypt32' | 'kernel32' | 'ncrypt' | 'tbs';

/** By their whole path: whoever can write into another folder on the search path must not become us. */
const FOLDER = 'C:\\Windows\\System32';

export type WindowsApi = {
  koffi: Koffi;
  /**
   * Declares a function; what it takes and answers is the caller's to know, as in C. `types` are koffi's: the result,
   * then the arguments. `call.async` runs it on another thread, for what takes longer than a millisecond.
   */
  declare<F extends (...argv: never[]) => unknown>(
    library: WindowsLibrary,
    name: string,
    types: readonly [result: KoffiType, ...argv: KoffiType[]],
  ): KoffiFunc<F>;
  /** Why the function before failed, if it is one that says so this way. koffi keeps it from call to call. */
  lastError(): number;
};

export type KoffiType = Parameters<Koffi['sizeof']>[0];

let opened: Promise<WindowsApi> | null = null;

/** Throws where koffi is not what was installed, and where this is not Windows. */
export function windowsApi(): Promise<WindowsApi> {
  return (opened ??= open());
}

async function open(): Promise<WindowsApi> {
  // The package's own loader looks for the file in node_modules; the file itself exports the same.
  const koffi = isPackaged ? (loadNative('koffi.node') as Koffi) : await import('koffi');
  const libraries = new Map<WindowsLibrary, LibraryHandle>();
  const library = (name: WindowsLibrary) => {
    const known = libraries.get(name) ?? koffi.load(join(FOLDER, `${name}.dll`));
    libraries.set(name, known);
    return known;
  };
  const declare: WindowsApi['declare'] = (from, name, [result, ...argv]) =>
    library(from).func('__stdcall', name, result, argv) as KoffiFunc<never>;
  const lastError = declare<() => number>('kernel32', 'GetLastError', ['uint32_t']);
  return { koffi, declare, lastError };
}
