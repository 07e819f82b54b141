import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Host } from '../../../collectors/check.ts';
import { isMissing, removeDurably, writeAtomic } from '../../base/atomic-file.ts';
import { security } from '../../base/commands.ts';
import { complaint } from '../vpn/linux-tools.ts';
import type { CertificateStore } from './certificate-store.ts';

const KEYCHAIN = '/Library/Keychains/System.keychain';
/** Who may use the key without asking a person: the daemon that speaks IKEv1. */
const RACOON = '/usr/sbin/racoon';

/**
 * The System keychain, for racoon. The authorities go there without being trusted for anything else. Written from the
 * manual page of security(1); not run.
 */
export function macosCertificates(host: Pick<Host, 'run'>, stateDir: string): CertificateStore {
  const must = async (argv: readonly string[]) => {
    const done = await host.run(security, argv);
    if (done.code !== 0) throw new Error(`The System keychain did not take it: ${complaint(done)}`);
  };
  const importFile = async (name: string, pem: string, more: readonly string[]) => {
    const file = join(stateDir, name);
    await writeAtomic(file, pem);
    await must(['import', file, '-k', KEYCHAIN, ...more]).finally(() => removeDurably(file));
  };
  const remember = join(stateDir, 'certificate-keychain');
  const removeAll = async (but: string | null) => {
    for (const hash of await hashesIn(remember))
      if (hash !== but) await host.run(security, ['delete-identity', '-Z', hash, KEYCHAIN]);
  };
  return {
    async install({ key, certificate, issuing, root }) {
      const fresh = new X509Certificate(certificate).fingerprint.replaceAll(':', '');
      const before = await hashesIn(remember);
      // Known before it is there: whatever happens in between, it is found again.
      await writeAtomic(remember, [...new Set([...before, fresh])].join('\n'));
      await importFile('import-authorities.pem', `${root}${issuing}`, ['-t', 'agg']).catch(alreadyThere);
      await importFile('import-key.pem', key, ['-t', 'priv', '-x', '-T', RACOON]);
      await importFile('import-certificate.pem', certificate, ['-t', 'cert']);
      await removeAll(fresh);
      await writeAtomic(remember, fresh);
    },
    async remove() {
      await removeAll(null);
      await removeDurably(remember);
    },
  };
}

/** SHA-1 of certificates that were put into the keychain, one a line. */
async function hashesIn(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '';
    throw error;
  });
  return text.match(/^[0-9A-F]{40}$/gm) ?? [];
}

function alreadyThere(error: unknown): void {
  if (!/already exists/.test(error instanceof Error ? error.message : '')) throw error;
}
