import { join } from 'node:path';
import { rolldown } from 'rolldown';

const bundles = new Map<string, Promise<string>>();

/** A program of this folder as one file: a hundred modules take seconds to find over the guest's file system. */
export function bundle(file: string): Promise<string> {
  const made = bundles.get(file) ?? make(file);
  bundles.set(file, made);
  return made;
}

async function make(file: string): Promise<string> {
  const build = await rolldown({ input: join(import.meta.dirname, file), platform: 'node' });
  const { output } = await build.generate({ format: 'esm', codeSplitting: false });
  return output[0].code;
}
