// Packages of this checkout for the tests, made once a run by the same code as `npm run package`.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Signing } from '../../packaging/build/authenticode.ts';
import { makeAll, type Format } from '../../packaging/build/make.ts';
import { parts } from '../../packaging/build/parts.ts';
import { targets } from '../../packaging/build/targets.ts';

export const CHECKOUT = join(import.meta.dirname, '../..');
export const OUT = join(CHECKOUT, 'test-output/package');

/** Two versions of the agent, the first of everything else. */
export const OLD = '0.1.0';
export const NEW = '0.2.0';

/** With what the newer ones for Windows are signed; made by `makeCertificate`. */
export const SIGNING = {
  certificate: join(OUT, 'signing/certificate.pem'),
  key: join(OUT, 'signing/key.pem'),
  passphraseFile: join(OUT, 'signing/passphrase'),
  epoch: 1_767_225_600,
} satisfies Signing;

type Wish = {
  version: string;
  names: readonly string[];
  formats: readonly Format[];
  /** `linux-x64` where nothing else is said. */
  systems?: readonly string[];
  signing?: Signing;
};

export async function makePackages({ names, systems = ['linux-x64'], ...wish }: Wish): Promise<void> {
  await makeAll({
    ...wish,
    root: CHECKOUT,
    out: OUT,
    targets: targets.filter(({ name }) => systems.includes(name)),
    parts: parts.filter(({ name }) => names.includes(name)),
    quick: true,
    say: () => {},
  });
}

/** A certificate for code, by which nobody else is to go, and its key behind a passphrase. */
export function makeCertificate(): void {
  mkdirSync(dirname(SIGNING.key), { recursive: true });
  writeFileSync(SIGNING.passphraseFile, randomBytes(12).toString('hex'), { mode: 0o600 });
  const done = spawnSync(
    '/usr/bin/openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-days',
      '30',
      '-subj',
      '/CN=Drawbridge test',
      '-addext',
      'extendedKeyUsage=codeSigning',
      '-passout',
      `file:${SIGNING.passphraseFile}`,
      '-keyout',
      SIGNING.key,
      '-out',
      SIGNING.certificate,
    ],
    { encoding: 'utf8' },
  );
  if (done.status !== 0) throw new Error(done.stderr);
}

/** A package's path in a root booted with this checkout as /mnt. */
export function inRoot(file: string): string {
  return `/mnt/test-output/package/packages/${file}`;
}
