import { createHash, randomUUID } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { stripTypeScriptTypes } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { download, DownloadFailed, haveLists, listsDigest, run, updateLists } from './apt.ts';
import {
  bootModules,
  type Layer,
  layerOf,
  layers,
  moduleFolders,
  packageSets,
  umlPackages,
} from './packages.ts';

const KEPT_DAYS = 7;
const checkout = join(import.meta.dirname, '../..');

/** A guest's root as it lies in the cache: an image with one folder a layer, and what is needed to get that far. */
export type Root = { image: string; kernel: string; busybox: string; bootModules: string[] };

/**
 * The guest's root, out of the cache or built now (about 20 s and 120 MB of Debian packages). It is keyed by what it
 * is made of, and put in place whole: two runs at once do not disturb each other.
 */
export function guestRoot(): Root {
  if (!haveLists()) updateLists();
  const folder = cached(`root-${contentKey()}`, build);
  return {
    image: join(folder, 'root.ext4'),
    kernel: join(folder, 'vmlinuz'),
    busybox: join(folder, 'busybox'),
    bootModules: bootModules.map((name) => join(folder, 'modules', basename(`${name}.ko`))),
  };
}

/** The checkout's dependencies as an image: over a shared folder, loading them takes an emulated machine minutes. */
export function dependenciesImage(): string {
  const lock = readFileSync(join(checkout, 'node_modules/.package-lock.json'));
  const key = createHash('sha256').update(lock).digest('hex').slice(0, 16);
  const folder = cached(`dependencies-${key}`, (building) => {
    mkdirSync(building);
    makeImage(join(checkout, 'node_modules'), join(building, 'image.ext4'));
  });
  return join(folder, 'image.ext4');
}

/**
 * Everything else of the checkout, as it is now, with types stripped by Node's own stripper: an emulated machine takes
 * a hundred times as long for that. `guest/plain.mjs` tells Node in the guest that it is done.
 */
export function sourcesImage(): string {
  const files = sourceFiles('');
  const digest = createHash('sha256');
  for (const file of files) digest.update(`${file}\0`).update(readFileSync(join(checkout, file)));
  const folder = cached(`sources-${digest.digest('hex').slice(0, 16)}`, (building) => {
    const staged = join(building, 'staged');
    for (const file of files) stage(file, join(staged, file));
    for (const name of ['node_modules', 'test-output']) mkdirSync(join(staged, name));
    makeImage(staged, join(building, 'image.ext4'));
    rmSync(staged, { recursive: true });
  });
  return join(folder, 'image.ext4');
}

/** What programs and scripts in the guest need, by path from the checkout. */
const SOURCES = /^(src|collectors|packaging|test\/(rig|support|agent|server|fixtures\/disk)|package\.json$)/;

function sourceFiles(below: string): string[] {
  const entries = readdirSync(join(checkout, below), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = join(below, entry.name);
    if (entry.isDirectory()) return SOURCES.test(path) || path === 'test' ? sourceFiles(path) : [];
    // Declarations are nothing to run, and no stripper takes them.
    return SOURCES.test(path) && !path.endsWith('.d.ts') ? [path] : [];
  });
}

function stage(file: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  const from = join(checkout, file);
  if (file.endsWith('.ts')) writeFileSync(to, stripTypeScriptTypes(readFileSync(from, 'utf8')));
  else cpSync(from, to);
}

/** User-mode-linux: its program, and its modules as a folder that lies in a layer's place. */
export function umlRoot(): { program: string; modules: string } {
  const folder = cached(`uml-${contentKey()}`, (building) => {
    const archives = join(building, 'archives');
    for (const name of download(umlPackages, archives))
      if (name.startsWith('user-mode-linux')) unpack(join(archives, name), building);
    rmSync(archives, { recursive: true });
  });
  return { program: join(folder, 'usr/bin/linux.uml'), modules: join(folder, 'usr/lib/uml/modules') };
}

/** A folder of the cache, made now where it is not there. */
function cached(name: string, make: (building: string) => void): string {
  const home = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'drawbridge-rig');
  const folder = join(home, name);
  if (existsSync(folder)) return touched(folder);
  mkdirSync(home, { recursive: true });
  const building = join(home, `building-${randomUUID()}`);
  try {
    make(building);
    renameSync(building, folder);
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    // Another run was faster.
    if (!existsSync(folder)) throw error;
  }
  removeUnused(home);
  return touched(folder);
}

/** Changes with the package lists of the machine and with how a root is built. */
function contentKey(): string {
  const sources = ['root.ts', 'packages.ts', 'apt.ts'].map((name) =>
    readFileSync(join(import.meta.dirname, name)),
  );
  const digest = createHash('sha256').update(listsDigest());
  for (const source of sources) digest.update(source);
  return digest.digest('hex').slice(0, 16);
}

function touched(folder: string): string {
  const now = new Date();
  utimesSync(folder, now, now);
  return folder;
}

function removeUnused(home: string): void {
  const oldest = Date.now() - KEPT_DAYS * 86_400_000;
  for (const name of readdirSync(home))
    if (statSync(join(home, name)).mtimeMs < oldest)
      rmSync(join(home, name), { recursive: true, force: true });
}

function build(building: string): void {
  process.stderr.write('Building the rig out of Debian packages (once, about 40 s) …\n');
  const archives = join(building, 'archives');
  const root = join(building, 'root');
  for (const layer of layers) mergedUsr(join(root, layer));
  const inSystem = downloadFresh(packageSets.system, archives);
  for (const name of inSystem) unpack(join(archives, name), join(root, layerOf(name)));
  for (const name of download(packageSets.libreswan, archives))
    if (!inSystem.includes(name)) unpack(join(archives, name), join(root, 'libreswan' satisfies Layer));
  const image = download(packageSets.kernel, archives).find((name) => /^linux-image-\d/.test(name));
  if (image === undefined) throw new Error('linux-image-amd64 brings no kernel');
  unpackKernel(join(archives, image), building);
  settle(join(root, 'base'));
  rmSync(archives, { recursive: true });
  makeImage(root, join(building, 'root.ext4'));
  rmSync(root, { recursive: true });
}

/** Packages that were replaced since the lists were fetched are gone from the mirror: then once more. */
function downloadFresh(packages: readonly string[], archives: string): string[] {
  try {
    return download(packages, archives);
  } catch (error) {
    if (!(error instanceof DownloadFailed)) throw error;
    process.stderr.write(`${error.message}; once more with fresh package lists …\n`);
    updateLists();
    return download(packages, archives);
  }
}

/** A file system in a file, half a gigabyte larger than what is in it; holes cost nothing. */
function makeImage(folder: string, image: string): void {
  const used = Number(run('/usr/bin/du', ['-sk', folder], 60).split('\t')[0]);
  const options = ['-q', '-F', '-t', 'ext4', '-O', '^has_journal', '-m', '0', '-i', '4096'];
  run('/usr/sbin/mke2fs', [...options, '-d', folder, image, `${used + 524_288}k`], 300);
}

/** `/bin` and its kind are links into `/usr`, as on every Debian; a package must not replace them by folders. */
function mergedUsr(layer: string): void {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(layer, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(layer, name));
  }
}

/** Files only: no maintainer script runs, no daemon starts. */
function unpack(archive: string, folder: string, ...members: string[]): void {
  mkdirSync(folder, { recursive: true });
  const tar = join(folder, '..', `.${randomUUID()}.tar`);
  run('/bin/sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" > "$2"', 'sh', archive, tar], 120);
  run('/usr/bin/tar', ['-x', '--keep-directory-symlink', '-C', folder, '-f', tar, ...members], 120);
  rmSync(tar);
}

function unpackKernel(archive: string, building: string): void {
  const version = /^linux-image-(.+)_/.exec(archive.split('/').at(-1) ?? '')?.[1]?.split('_')[0] ?? '';
  const at = `./lib/modules/${version}`;
  const modules = moduleFolders.map((name) => `${at}/kernel/${name}`);
  const scratch = join(building, 'kernel');
  unpack(
    archive,
    scratch,
    `./boot/vmlinuz-${version}`,
    `${at}/modules.builtin`,
    `${at}/modules.order`,
    ...modules,
  );
  const base = join(building, 'root/base');
  const place = join(base, 'usr/lib/modules', version);
  cpSync(join(scratch, 'lib/modules', version), place, { recursive: true });
  renameSync(join(scratch, 'boot', `vmlinuz-${version}`), join(building, 'vmlinuz'));
  rmSync(scratch, { recursive: true });
  mkdirSync(join(building, 'modules'));
  for (const name of bootModules)
    cpSync(join(place, 'kernel', `${name}.ko`), join(building, 'modules', basename(`${name}.ko`)));
  cpSync(join(base, 'usr/bin/busybox'), join(building, 'busybox'));
  depmod(base, version);
}

/** With the guest's own program and libraries: this machine need not have it. */
function depmod(base: string, version: string): void {
  const libraries = join(base, 'usr/lib/x86_64-linux-gnu');
  const loader = join(libraries, 'ld-linux-x86-64.so.2');
  const program = ['--library-path', libraries, '--argv0', 'depmod', join(base, 'usr/bin/kmod')];
  run(loader, [...program, '-b', join(base, 'usr'), version], 60);
}

/** What the packages' own scripts would have done, as far as the rig needs it. */
function settle(base: string): void {
  const etc = (name: string, text: string) => writeFileSync(join(base, 'etc', name), text);
  const master = (name: string) =>
    readFileSync(join(base, 'usr/share/base-passwd', `${name}.master`), 'utf8');
  const people = [
    'messagebus:x:100:100',
    'freerad:x:101:101',
    'systemd-network:x:102:102',
    'alice:x:1000:1000',
  ];
  const groups = people.map((person) => person.split(':')).map(([name, , id]) => `${name}:x:${id}:`);
  etc(
    'passwd',
    `${master('passwd').replaceAll(':*:', ':x:')}${people.map((one) => `${one}::/:/bin/bash\n`).join('')}`,
  );
  etc('group', `${master('group').replaceAll(':*:', ':x:')}${groups.join('\n')}\n`);
  etc('nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n');
  etc('machine-id', '');
  for (const [link, target] of [
    ['usr/bin/awk', 'gawk'],
    ['usr/sbin/iptables-legacy', 'xtables-legacy-multi'],
    ['usr/sbin/iptables', 'xtables-nft-multi'],
    ['usr/bin/sh', 'dash'],
    ['var/run', '/run'],
    ['var/lock', '/run/lock'],
  ] as const) {
    if (link.startsWith('var/')) rmSync(join(base, link), { recursive: true, force: true });
    if (!existsSync(join(base, link))) symlinkSync(target, join(base, link));
  }
}
