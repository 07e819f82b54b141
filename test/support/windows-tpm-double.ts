import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { llvm } from '../../packaging/native/build.ts';
import { tool } from '../../packaging/build/tools.ts';
import { wineEnv, type Wine } from './wine.ts';

const SOURCE = join(import.meta.dirname, 'windows-tpm-double.c');
const IMPORTS = {
  kernel32: [
    'CloseHandle',
    'CreateFileW',
    'DeleteFileW',
    'GetFileAttributesW',
    'GetProcessHeap',
    'HeapAlloc',
    'HeapFree',
    'lstrcatW',
    'lstrcmpW',
    'lstrcpyW',
    'ReadFile',
    'WriteFile',
  ],
  bcrypt: [
    'BCryptCloseAlgorithmProvider',
    'BCryptDestroyKey',
    'BCryptExportKey',
    'BCryptFinalizeKeyPair',
    'BCryptGenerateKeyPair',
    'BCryptImportKeyPair',
    'BCryptOpenAlgorithmProvider',
    'BCryptSignHash',
  ],
};
const EXPORTS =
  'OpenStorageProvider CreatePersistedKey FinalizeKey OpenKey ExportKey ImportKey SignHash SecretAgreement DeriveKey DeleteKey FreeObject'
    .split(' ')
    .map((name) => `NCrypt${name}`);

export type TpmDouble = {
  /** What makes a program see it. */
  env: Record<string, string>;
  /** Drive C: below which its keys lie. */
  folder: string;
  /** While it is `broken`, every call of the provider fails. */
  set(problem: 'broken' | 'no-agreement', isSo: boolean): void;
  remove(): void;
};

/** Gives a Wine a TPM, as far as our agent can tell (windows-tpm-double.c). */
export function addTpm(wine: Wine): TpmDouble {
  const library = build(wine.folder);
  const folder = join(wine.drive, 'tpm');
  mkdirSync(folder, { recursive: true });
  const places = ['ncrypt', 'tbs'].map((name) => join(wine.drive, 'windows/system32', `${name}.dll`));
  for (const place of places) {
    renameSync(place, `${place}.wine`);
    copyFileSync(library, place);
  }
  const { WINEDLLOVERRIDES = '' } = wineEnv(wine.folder);
  return {
    // Wine prefers libraries of its own to those of the same name in its disk.
    env: { WINEDLLOVERRIDES: `${WINEDLLOVERRIDES};ncrypt,tbs=n` },
    folder,
    set(problem, isSo) {
      if (isSo) writeFileSync(join(folder, problem), '');
      else rmSync(join(folder, problem), { force: true });
    },
    remove: () => places.forEach((place) => renameSync(`${place}.wine`, place)),
  };
}

function build(folder: string): string {
  const at = (name: string) => join(folder, name);
  const flags = ['-std=c11', '-O1', '-ffreestanding', '-fno-stack-protector', '-mno-stack-arg-probe'];
  const strict = ['-Wall', '-Wextra', '-Werror', '-isystem', '/usr/share/mingw-w64/include'];
  const target = ['-target', 'x86_64-w64-windows-gnu'];
  tool(llvm('clang'), [...target, ...flags, ...strict, '-c', SOURCE, '-o', at('tpm.o')]);
  const libraries = Object.entries(IMPORTS).map(([name, functions]) => {
    writeFileSync(at(`${name}.def`), [`LIBRARY ${name}.dll`, 'EXPORTS', ...functions, ''].join('\n'));
    tool(llvm('llvm-dlltool'), ['-m', 'i386:x86-64', '-d', at(`${name}.def`), '-l', at(`${name}.lib`)]);
    return at(`${name}.lib`);
  });
  const exported = [...EXPORTS, 'Tbsi_GetDeviceInfo'].map((name) => `/export:${name}`);
  const link = ['/dll', '/noentry', '/machine:x64', '/nodefaultlib', `/out:${at('tpm.dll')}`, ...exported];
  tool(llvm('lld-link'), [...link, at('tpm.o'), ...libraries]);
  return at('tpm.dll');
}
