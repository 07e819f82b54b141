import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const loader = readFileSync(join(import.meta.dirname, '../../packaging/entries/loader.cjs'), 'utf8');

/** What pieces have in a test: what they were given, a way to say a word, and to wait until what nothing uses is gone. */
declare global {
  var given: unknown;
  var say: (word: string) => void;
  var soon: () => Promise<void>;
}

/** Runs the loader on pieces that say when they are read; what they print, word by word. */
export function said(
  pieces: Record<string, string>,
  { flags = ['--expose-gc'], given }: { flags?: readonly string[]; given?: unknown } = {},
): string[] {
  const program = `
    const pieces = ${JSON.stringify(pieces)};
    const sea = {
      isSea: () => true,
      getAsset: (name) => 'say("read:' + name + '");' + pieces[name.slice('code/'.length)],
    };
    globalThis.given = ${JSON.stringify(given ?? null)};
    globalThis.say = (word) => process.stdout.write(word + ' ');
    globalThis.soon = () => new Promise((resolve) => setTimeout(() => { gc(); gc(); resolve(); }, 5));
    const run = require('node:vm').compileFunction(${JSON.stringify(loader)}, ['require']);
    run((name) => (name === 'node:sea' ? sea : require(name)));`;
  const done = spawnSync(process.execPath, [...flags, '-'], { input: program, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(done.stderr);
  return done.stdout.trim().split(' ');
}
