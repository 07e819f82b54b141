import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawIcon } from '../../src/tray/icon.ts';
import { toPng } from '../../src/tray/png.ts';
import { COLOURS, type Colour } from '../../src/wire/tray.ts';
import { BuildError, tool } from '../build/tools.ts';
import { toIco } from './ico.ts';

/** Pixels of the icons: Windows' sizes from 100 to 300 per cent, and the menu bar of macOS at twice its points. */
const WINDOWS_SIZES = [16, 20, 24, 28, 32, 40, 48];
const MACOS_SIZE = 36;
const MACOS_LEAST = '11.0';

/** Versions of LLVM under which Debian and Ubuntu install it. */
const LLVM = ['', ...Array.from({ length: 12 }, (_, i) => `-${24 - i}`)];

const source = join(import.meta.dirname, '../../src/tray/native');

type WindowsTarget = { arch: 'x64' | 'arm64'; triple: string; machine: string; resources: string };

const WINDOWS: readonly WindowsTarget[] = [
  { arch: 'x64', triple: 'x86_64-w64-windows-gnu', machine: 'i386:x86-64', resources: 'x86_64-w64-mingw32' },
  { arch: 'arm64', triple: 'aarch64-w64-windows-gnu', machine: 'arm64', resources: 'aarch64-w64-mingw32' },
];

/** What the helper calls of Windows; from it come import libraries, so that no library of Windows is needed. */
const IMPORTS = {
  kernel32: [
    'CloseHandle',
    'CreateMutexW',
    'CreateProcessW',
    'CreateThread',
    'CreateToolhelp32Snapshot',
    'ExitProcess',
    'GetCommandLineW',
    'GetCurrentProcessId',
    'GetLastError',
    'GetModuleFileNameW',
    'GetModuleHandleW',
    'GetStdHandle',
    'lstrcmpW',
    'lstrcmpiW',
    'lstrcpynA',
    'lstrcpynW',
    'lstrlenA',
    'lstrlenW',
    'MultiByteToWideChar',
    'OpenProcess',
    'Process32FirstW',
    'Process32NextW',
    'QueryFullProcessImageNameW',
    'ReadFile',
    'TerminateProcess',
    'WaitForSingleObject',
    'WriteFile',
  ],
  user32: [
    'AllowSetForegroundWindow',
    'AppendMenuW',
    'ChangeWindowMessageFilterEx',
    'CreatePopupMenu',
    'CreateWindowExW',
    'DefWindowProcW',
    'DestroyIcon',
    'DestroyMenu',
    'DestroyWindow',
    'DispatchMessageW',
    'EndMenu',
    'FindWindowW',
    'GetMessageW',
    'GetSystemMetrics',
    'GetWindowThreadProcessId',
    'LoadImageW',
    'PostMessageW',
    'PostQuitMessage',
    'RegisterClassExW',
    'RegisterWindowMessageW',
    'SendMessageW',
    'SetForegroundWindow',
    'TrackPopupMenuEx',
    'TranslateMessage',
  ],
  shell32: ['SHQueryUserNotificationState', 'ShellExecuteW', 'Shell_NotifyIconW'],
};

/** Warnings are errors; no library, no random seeds, no paths or times in what comes out. */
const FLAGS = [
  '-std=c11',
  '-Os',
  '-ffreestanding',
  '-fno-stack-protector',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-g0',
];

export type NativeHelper = 'windows-x64' | 'windows-arm64' | 'macos';

/** Builds these helpers into `out`; answers the files. Throws `BuildError` where a tool is missing or complains. */
export function buildNative(
  out: string,
  helpers: readonly NativeHelper[] = ['windows-x64', 'windows-arm64', 'macos'],
): string[] {
  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(join(tmpdir(), 'drawbridge-native-'));
  const windows = WINDOWS.filter(({ arch }) => helpers.includes(`windows-${arch}`));
  try {
    const made = windows.map((target) => windowsHelper(target, work, out));
    return helpers.includes('macos') ? [...made, macosHelper(work, out)] : made;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function windowsHelper(
  { arch, triple, machine, resources }: WindowsTarget,
  work: string,
  out: string,
): string {
  const at = (name: string) => join(work, `${arch}-${name}`);
  const headers = '/usr/share/mingw-w64/include';
  if (!existsSync(headers)) throw new BuildError(`${headers} is not there (package mingw-w64-common)`);
  const flags = ['-fno-builtin', '-mno-stack-arg-probe', '-D_FORTIFY_SOURCE=0', '-isystem', headers];
  tool(llvm('clang'), [
    '-target',
    triple,
    ...FLAGS,
    ...flags,
    '-c',
    join(source, 'windows/tray.c'),
    '-o',
    at('tray.o'),
  ]);
  const libraries = Object.entries(IMPORTS).map(([name, functions]) => {
    writeFileSync(at(`${name}.def`), [`LIBRARY ${name}.dll`, 'EXPORTS', ...functions, ''].join('\n'));
    tool(llvm('llvm-dlltool'), ['-m', machine, '-d', at(`${name}.def`), '-l', at(`${name}.lib`)]);
    return at(`${name}.lib`);
  });
  writeResources(work, at('tray.rc'));
  tool(llvm('llvm-windres'), [`--target=${resources}`, at('tray.rc'), '-O', 'coff', '-o', at('resources.o')]);
  const file = join(out, `drawbridge-tray-windows-${arch}.exe`);
  const link = [
    `/machine:${arch}`,
    '/subsystem:windows',
    '/entry:start',
    '/nodefaultlib',
    '/Brepro',
    '/dynamicbase',
  ];
  tool(llvm('lld-link'), [
    ...link,
    '/nxcompat',
    `/out:${file}`,
    at('tray.o'),
    at('resources.o'),
    ...libraries,
  ]);
  return file;
}

/** Icons by number in the order of the helper, and what Windows should know of the program. */
function writeResources(work: string, file: string): void {
  const order: Colour[] = ['green', 'amber', 'red', 'grey'];
  const icons = order.map((colour, i) => {
    const path = join(work, `${colour}.ico`);
    writeFileSync(path, toIco(WINDOWS_SIZES.map((size) => drawIcon(colour, size))));
    return `${i + 1} ICON "${path}"`;
  });
  const manifest = join(source, 'windows/manifest.xml');
  writeFileSync(file, `${[...icons, `1 24 "${manifest}"`].join('\n')}\n`);
}

/** One file for both kinds of processor. The linker signs the part for Apple's own by itself, by no identity. */
function macosHelper(work: string, out: string): string {
  writeFileSync(join(work, 'icons.h'), iconHeader());
  const folder = join(source, 'macos');
  const slices = ['arm64', 'x86_64'].map((arch) => {
    const at = (name: string) => join(work, `${arch}-${name}`);
    const flags = ['-fblocks', '-fvisibility=hidden', '-isystem', work];
    const target = `${arch}-apple-macos${MACOS_LEAST}`;
    tool(llvm('clang'), [
      '-target',
      target,
      ...FLAGS,
      ...flags,
      '-c',
      join(folder, 'tray.c'),
      '-o',
      at('tray.o'),
    ]);
    const link = [
      '-arch',
      arch,
      '-platform_version',
      'macos',
      MACOS_LEAST,
      '14.0',
      '-dead_strip',
      '-no_uuid',
    ];
    const stubs = ['libSystem.tbd', 'libobjc.tbd'].map((name) => join(folder, name));
    tool(llvm('ld64.lld'), [...link, '-o', at('tray'), at('tray.o'), ...stubs]);
    return at('tray');
  });
  const file = join(out, 'drawbridge-tray-macos');
  tool(llvm('llvm-lipo'), ['-create', ...slices, '-output', file]);
  return file;
}

function iconHeader(): string {
  const files = COLOURS.map((colour) => {
    const bytes = [...toPng(drawIcon(colour, MACOS_SIZE))].join(',');
    return { array: `static const unsigned char ${colour}_png[] = {${bytes}};`, colour };
  });
  return [
    'struct icon_file { const char *colour; const unsigned char *bytes; unsigned long length; };',
    ...files.map(({ array }) => array),
    'static const struct icon_file icon_files[] = {',
    ...files.map(({ colour }) => `  {"${colour}", ${colour}_png, sizeof ${colour}_png},`),
    '};',
    '',
  ].join('\n');
}

/** A tool of LLVM by its full path, of the newest version that is installed. */
export function llvm(name: string): string {
  const found = LLVM.map((version) => `/usr/bin/${name}${version}`).find((path) => existsSync(path));
  if (found === undefined) throw new BuildError(`${name} is not there (packages clang, lld, llvm)`);
  return found;
}
