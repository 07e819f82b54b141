// npm run -s native [-- FOLDER]: the tray's helpers for Windows and macOS, cross-built; into dist/native without a folder.
import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { BuildError, sha256Of } from '../build/tools.ts';
import { buildNative } from './build.ts';

const [folder] = process.argv.slice(2);

try {
  const files = buildNative(
    folder === undefined ? join(import.meta.dirname, '../../dist/native') : resolve(folder),
  );
  for (const file of files)
    process.stdout.write(`${await sha256Of(file)}  ${statSync(file).size}  ${file}\n`);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
