import { renameSync } from 'node:fs';
import { basename } from 'node:path';
import { tool } from './tools.ts';

/** With what Windows' executables and installers are signed. All are paths. */
export type Signing = {
  /** The certificate and those that lead to its authority, PEM. */
  certificate: string;
  /** Its key, PEM. */
  key: string;
  /** A file with the key's passphrase, where it has one: never an argument, which everybody can read. */
  passphraseFile?: string;
  /** A server of RFC 3161 that says when: without it, signatures end with the certificate. */
  timestampUrl?: string;
  /** The time that a signature states where no such server does (seconds since 1970). */
  epoch: number;
};

/** Signs a file in its place. */
export function signAuthenticode(file: string, signing: Signing): void {
  const { certificate, key, passphraseFile, timestampUrl, epoch } = signing;
  const signed = `${file}.signed`;
  tool('osslsigncode', [
    'sign',
    '-certs',
    certificate,
    '-key',
    key,
    '-h',
    'sha256',
    '-n',
    `Drawbridge (${basename(file)})`,
    ...(passphraseFile === undefined ? [] : ['-readpass', passphraseFile]),
    ...(timestampUrl === undefined ? ['-time', String(epoch)] : ['-ts', timestampUrl]),
    '-in',
    file,
    '-out',
    signed,
  ]);
  renameSync(signed, file);
}
