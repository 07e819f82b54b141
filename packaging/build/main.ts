// npm run package: executables and packages of every system, from one machine.
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { productVersion } from '../../src/base/version.ts';
import { formats, makeAll } from './make.ts';
import { parts } from './parts.ts';
import { targets } from './targets.ts';
import { BuildError } from './tools.ts';

const HELP = `
Writes dist/bin/<target>/, dist/packages/, dist/sbom/ and dist/SHA256SUMS. What is fetched is kept in dist/cache/.
Two runs give the same bytes (SOURCE_DATE_EPOCH, else the last commit, is the date of everything).

Examples:
  npm run package
  npm run package -- --only linux-x64 --part drawbridge`;

const names = targets.map(({ name }) => name);

type Options = {
  only: string[];
  part: string[];
  format: string[];
  quick: boolean;
  out: string;
  setVersion: string;
};

const program = new Command('npm run package --')
  .description('make the executables and packages')
  .option('--only <targets>', `of these: ${names.join(', ')}`, listOf(names), names)
  .option(
    '--part <parts>',
    'of these, with commas',
    listOf(parts.map(({ name }) => name)),
    parts.map(({ name }) => name),
  )
  .option(
    '--format <formats>',
    `packages, with commas: ${formats.join(', ')}, or none`,
    listOf([...formats, 'none']),
    [...formats],
  )
  .option('--quick', 'larger packages in less time, for tests', false)
  .option('--out <folder>', 'where to', join(import.meta.dirname, '../../dist'))
  .option('--set-version <version>', 'instead of package.json’s', aVersion, productVersion())
  .addHelpText('after', HELP)
  .action(async ({ only, part, format, quick, out, setVersion }: Options) => {
    try {
      await makeAll({
        root: join(import.meta.dirname, '../..'),
        out,
        version: setVersion,
        quick,
        formats: formats.filter((name) => format.includes(name)),
        targets: targets.filter(({ name }) => only.includes(name)),
        parts: parts.filter(({ name }) => part.includes(name)),
        say: (line) => process.stdout.write(`${line}\n`),
      });
    } catch (error) {
      if (!(error instanceof BuildError)) throw error;
      process.stderr.write(`${error.message}\n`);
      process.exitCode = 1;
    }
  });

await program.parseAsync();

function listOf(known: readonly string[]): (text: string) => string[] {
  return (text) => {
    const wanted = text.split(',');
    const strange = wanted.filter((name) => !known.includes(name));
    if (strange.length === 0) return wanted;
    throw new InvalidArgumentError(`${strange.join(', ')} is none of ${known.join(', ')}.`);
  };
}

function aVersion(text: string): string {
  if (/^\d{1,3}\.\d{1,3}\.\d{1,5}$/.test(text)) return text;
  throw new InvalidArgumentError('It has to be like 1.2.3.');
}
