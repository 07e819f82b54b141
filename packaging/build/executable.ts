import { copyFileSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inject } from 'postject';
import { NATIVES } from '../../src/base/native.ts';
import type { Bundle } from './bundle.ts';
import { signMachO } from './macho.ts';
import { fileOfPackage } from './npm-tarball.ts';
import type { Part } from './parts.ts';
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
};

/** Node's own mark of where an executable says whether something was put into it. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

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
  if (target.os === 'macos') sign(file, part);
  rmSync(work, { recursive: true });
  return [file, ...natives.map(({ path }) => path)];
}

type Places = { work: string; base: string; file: string };
type Native = { name: string; path: string };

async function seaSettings(job: Job, { work, base, file, natives }: Places & { natives: Native[] }) {
  const { root, part, target, bundle, version } = job;
  const own = (name: string, text: string) => {
    const path = join(work, name);
    writeFileSync(path, text);
    return path;
  };
  const hashes = await Promise.all(
    natives.map(async ({ name, path }) => [name, await sha256Of(path)] as const),
  );
  const files = globSync([...part.assets], { cwd: root }).filter((path) =>
    statSync(join(root, path)).isFile(),
  );
  return {
    // Relative, and that is where Node is started: the path becomes part of the executable.
    main: basename(own('main.mjs', bundle.code)),
    mainFormat: 'module',
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
      ...Object.fromEntries(files.toSorted().map((path) => [path.replaceAll('\\', '/'), join(root, path)])),
    },
  };
}

function placeNatives({ root, cache, out, part, target }: Job): Native[] {
  return part.natives.map((native) => {
    const suffix = target.suffix[native];
    const name = `@napi-rs/${native}-${suffix}`;
    const path = join(out, `${native}.node`);
    copyFileSync(fileOfPackage(root, cache, { name, path: `${native}.${suffix}.node` }), path);
    return { name: `${native}.node`, path };
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

function sign(file: string, { name }: Part): void {
  const entitlements = readFileSync(join(import.meta.dirname, '../macos/entitlements.plist'), 'utf8');
  const signed = signMachO(readFileSync(file), { identifier: `org.drawbridge.${name}`, entitlements });
  writeFileSync(file, signed, { mode: 0o755 });
}
