import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { basename, join } from 'node:path';
import { inject } from 'postject';
import { NATIVES } from '../../src/base/native.ts';
import { signAuthenticode, type Signing } from './authenticode.ts';
import type { Bundle } from './bundle.ts';
import { adHoc, IDENTIFIERS, type MacSigner } from './macos-signer.ts';
import { fileOfPackage } from './npm-tarball.ts';
import { nativesOf, type Part } from './parts.ts';
import { placeRuntime } from './runtime.ts';
import type { Target } from './targets.ts';
import { sha256Of, tool } from './tools.ts';
import { stampWindows } from './version-info.ts';

export type Job = {
  root: string;
  /** Folder for what is fetched once. */
  cache: string;
  /** Folder of this target's executables. */
  out: string;
  part: Part;
  target: Target;
  bundle: Bundle;
  version: string;
  /** Who signs code for macOS; nobody in particular unless told. */
  macSigner?: MacSigner;
  /** With what files for Windows are signed. */
  signing?: Signing;
};

/** Node's own mark of where an executable says whether something was put into it. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

/** What reads the code; in ASCII, as that is. */
const LOADER = 'packaging/entries/loader.cjs';

/** Makes the executable and places the native modules beside it. Answers with the paths, the executable first. */
export async function makeExecutable(job: Job): Promise<string[]> {
  const { out, part, target, cache, root, version } = job;
  const file = join(out, `${part.name}${target.extension}`);
  const work = join(out, `.${part.name}`);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const natives = placeNatives(job);
  const base = join(work, 'node');
  await placeRuntime(root, cache, target, base);
  if (target.os === 'windows') stampWindows(base, { ...part, version });
  const settings = join(work, 'sea.json');
  writeFileSync(settings, JSON.stringify(await seaSettings(job, { work, base, file, natives })));
  if (target.name === 'macos-x64') await byBlob(settings, { work, base, file });
  // Node itself puts code also into the Node of another system.
  else tool(process.execPath, ['--build-sea', settings], { cwd: work });
  if (target.os === 'macos') signerOf(job).file(file, { identifier: IDENTIFIERS.agent, entitled: true });
  if (target.os === 'windows') signIfWanted(job, file);
  rmSync(work, { recursive: true });
  return [file, ...natives.map(({ path }) => path)];
}

type Places = { work: string; base: string; file: string };
type PlacedNative = { name: string; path: string };

async function seaSettings(job: Job, { work, base, file, natives }: Places & { natives: PlacedNative[] }) {
  const { root, part, target, bundle, version } = job;
  const own = (name: string, text: string) => {
    const path = join(work, name);
    writeFileSync(path, text);
    return path;
  };
  const hashes = await Promise.all(
    natives.map(async ({ name, path }) => [name, await sha256Of(path)] as const),
  );
  // What a browser is to run goes without its types: nothing in an executable removes them (src/tray/page-assets.ts).
  const asBorne = (path: string) =>
    path.endsWith('.ts')
      ? own(basename(path, '.ts'), stripTypeScriptTypes(readFileSync(join(root, path), 'utf8')))
      : join(root, path);
  const files = globSync([...part.assets], { cwd: root }).filter((path) =>
    statSync(join(root, path)).isFile(),
  );
  return {
    // Relative, and that is where Node is started: the path becomes part of the executable.
    main: basename(own('loader.cjs', readFileSync(join(root, LOADER), 'utf8'))),
    mainFormat: 'commonjs',
    ...(target.name === 'macos-x64' ? { output: join(work, 'blob') } : { executable: base, output: file }),
    disableExperimentalSEAWarning: true,
    // Only right for the very Node that makes it, and worth 10 ms.
    useCodeCache: false,
    execArgv: part.execArgv,
    // Nothing in the environment (NODE_OPTIONS) adds flags.
    execArgvExtension: 'none',
    assets: {
      'package.json': own('package.json', JSON.stringify({ name: part.name, version })),
      [NATIVES]: own(NATIVES, JSON.stringify(Object.fromEntries(hashes))),
      ...Object.fromEntries([...bundle.code].map(([name, code]) => [`code/${name}`, own(name, code)])),
      ...Object.fromEntries(files.toSorted().map((path) => [path.replaceAll('\\', '/'), asBorne(path)])),
    },
  };
}

function signerOf({ macSigner = adHoc }: Job): MacSigner {
  return macSigner;
}

function signIfWanted({ signing }: Job, file: string): void {
  if (signing !== undefined) signAuthenticode(file, signing);
}

function placeNatives(job: Job): PlacedNative[] {
  const { root, cache, out, part, target } = job;
  return nativesOf(part, target).map(({ name, file }) => {
    const path = join(out, `${name}.node`);
    copyFileSync(fileOfPackage(root, cache, file), path);
    // Before the executable learns its hash.
    if (target.os === 'windows') signIfWanted(job, path);
    if (target.os === 'macos')
      signerOf(job).file(path, { identifier: `io.drawbridge.${name}`, entitled: false });
    return { name: `${name}.node`, path };
  });
}

/**
 * The older way. What `--build-sea` makes for Intel Macs ends with a segmentation fault there (nodejs/node#65479);
 * neither was tried on one by us.
 */
async function byBlob(settings: string, { work, base, file }: Places): Promise<void> {
  tool(process.execPath, ['--experimental-sea-config', settings], { cwd: work });
  copyFileSync(base, file);
  const blob = readFileSync(join(work, 'blob'));
  await inject(file, 'NODE_SEA_BLOB', blob, { sentinelFuse: FUSE, machoSegmentName: 'NODE_SEA' });
}
