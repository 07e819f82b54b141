import { join, relative } from 'node:path';
import { rolldown, type OutputChunk } from 'rolldown';
import { BuildError } from './tools.ts';

export type Bundle = {
  /** One ECMAScript module that imports nothing but what Node has. */
  code: string;
  /** Folders of the npm packages whose code is in it, below the project's root. */
  packages: string[];
};

/** Loaded from beside the executable (src/base/native.ts), or optional helpers of `ws` that we do without. */
const EXTERNAL = ['@napi-rs/keyring', 'bufferutil', 'utf-8-validate', 'osx-temperature-sensor'];

/** All code of one executable as one module. */
export async function bundle(root: string, entry: string): Promise<Bundle> {
  const build = await rolldown({
    cwd: root,
    input: join(root, entry),
    platform: 'node',
    external: EXTERNAL,
    onLog(_level, { code, message }, report) {
      // One of our libraries evaluates nothing but its own text; what we miss must not be overlooked.
      if (code === 'UNRESOLVED_IMPORT') throw new BuildError(message);
      report('debug', message);
    },
  });
  try {
    const { output } = await build.generate({ format: 'esm', minify: true, codeSplitting: false });
    const chunks = output.filter((one): one is OutputChunk => one.type === 'chunk');
    const [chunk] = chunks;
    if (chunk === undefined || chunks.length > 1) throw new BuildError(`${entry} is not one module`);
    return { code: chunk.code, packages: packagesOf(root, chunk.moduleIds) };
  } finally {
    await build.close();
  }
}

function packagesOf(root: string, modules: readonly string[]): string[] {
  const folders = modules.flatMap((id) => {
    const path = relative(root, id).replaceAll('\\', '/');
    const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
    return folder === undefined ? [] : [folder];
  });
  return [...new Set(folders)].toSorted();
}
