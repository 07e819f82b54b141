import { join, relative } from 'node:path';
import { rolldown, type OutputChunk } from 'rolldown';
import { BuildError } from './tools.ts';

export type Bundle = {
  /** CommonJS modules in ASCII, by name: the first is `main.cjs`; all they require is each other and what Node has. */
  code: ReadonlyMap<string, string>;
  /** Folders of the npm packages whose code is in it, below the project's root. */
  packages: string[];
};

/** Loaded from beside the executable (src/base/native.ts), or optional helpers of `ws` that we do without. */
const EXTERNAL = ['@napi-rs/keyring', 'koffi', 'bufferutil', 'utf-8-validate', 'osx-temperature-sensor'];

/** Pieces of their own, so that they can be forgotten once they are not needed any more (packaging/entries/loader.cjs). */
const APART = [
  { name: 'commander', test: /node_modules[\\/]commander[\\/]/ },
  // A policy's expressions hold on to it, and to nothing else of what reads policies.
  { name: 'cel', test: /node_modules[\\/]@marcbachmann[\\/]cel-js[\\/]/ },
];

/** All code of one executable, in the pieces in which it is asked for. */
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
    // CommonJS: importing a module of Node's as ECMAScript asks for everything in it, whole engines that nobody calls.
    const { output } = await build.generate({
      format: 'cjs',
      minify: true,
      entryFileNames: 'main.cjs',
      chunkFileNames: '[name]-[hash].cjs',
      codeSplitting: { groups: APART },
    });
    const chunks = output.filter((one): one is OutputChunk => one.type === 'chunk');
    return {
      code: new Map(chunks.map(({ fileName, code }) => [fileName, inAscii(code)])),
      packages: packagesOf(
        root,
        chunks.flatMap(({ moduleIds }) => moduleIds),
      ),
    };
  } finally {
    await build.close();
  }
}

/** One character of another script, and V8 keeps the whole code in two bytes a character. */
function inAscii(code: string): string {
  return code.replace(/[\u0080-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function packagesOf(root: string, modules: readonly string[]): string[] {
  const folders = modules.flatMap((id) => {
    const path = relative(root, id).replaceAll('\\', '/');
    const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
    return folder === undefined ? [] : [folder];
  });
  return [...new Set(folders)].toSorted();
}
