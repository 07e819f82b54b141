// npm run package: executables and packages of every system, from one machine.
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { productVersion } from '../../src/base/version.ts';
import type { Signing } from './authenticode.ts';
import { buildEpoch } from './epoch.ts';
import { byProgram } from './macos-signer.ts';
import { formats, makeAll } from './make.ts';
import { parts } from './parts.ts';
import { targets } from './targets.ts';
import { BuildError } from './tools.ts';

const HELP = `
Writes dist/bin/<target>/, dist/packages/, dist/sbom/ and dist/SHA256SUMS. What is fetched is kept in dist/cache/.
Two runs give the same bytes (SOURCE_DATE_EPOCH, else the last commit, is the date of everything).

--mac-signer is told a path, an identifier, and a file with entitlements or nothing (packaging/macos/codesign.sh).

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
  macSigner?: string;
  signCert?: string;
  signKey?: string;
  signPassphraseFile?: string;
  signTimestamp?: string;
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
  .option('--mac-signer <program>', 'signs code for macOS, in place of an ad-hoc signature')
  .option('--sign-cert <file>', 'signs files for Windows (Authenticode): certificate and its chain, PEM')
  .option('--sign-key <file>', 'its key, PEM')
  .option('--sign-passphrase-file <file>', 'where the key’s passphrase stands')
  .option('--sign-timestamp <url>', 'who states the time, so that signatures outlive the certificate')
  .addHelpText('after', HELP)
  .action(async (options: Options) => {
    const { only, part, format, quick, out, setVersion, macSigner } = options;
    try {
      const root = join(import.meta.dirname, '../..');
      const signing = signingOf(options, buildEpoch(root));
      await makeAll({
        root,
        out,
        version: setVersion,
        quick,
        ...(macSigner === undefined ? {} : { macSigner: byProgram(resolve(macSigner)) }),
        ...(signing === null ? {} : { signing }),
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

/** Paths made absolute: the tool is started elsewhere. */
function signingOf(
  { signCert, signKey, signPassphraseFile, signTimestamp }: Options,
  epoch: number,
): Signing | null {
  if (signCert === undefined && signKey === undefined) return null;
  if (signCert === undefined || signKey === undefined)
    throw new BuildError('--sign-cert and --sign-key belong together.');
  return {
    certificate: resolve(signCert),
    key: resolve(signKey),
    epoch,
    ...(signPassphraseFile === undefined ? {} : { passphraseFile: resolve(signPassphraseFile) }),
    ...(signTimestamp === undefined ? {} : { timestampUrl: signTimestamp }),
  };
}

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
