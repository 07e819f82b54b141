import { swanctl } from '../../base/commands.ts';
import { writeFiles, type WantedFile } from '../vpn/linux-files.ts';
import { hasStrongswan } from '../vpn/linux-set-strongswan.ts';
import { act, complaint, type Tools } from '../vpn/linux-tools.ts';
import type { CertificateStore, HeldCertificate } from './certificate-store.ts';
import { CERTIFICATE_HOMES, DEVICE_FILES } from './linux-places.ts';

type Pem = Pick<HeldCertificate, 'key' | 'certificate' | 'issuing' | 'root'>;

/** Files for strongSwan (swanctl and ipsec) and for NetworkManager's L2TP plugin. */
export function linuxCertificates(tools: Tools): CertificateStore {
  return {
    async install(held) {
      const files = await filesFor(tools, held);
      if (files.length === 0)
        throw new Error(
          'No VPN software that reads certificates is installed (strongSwan, NetworkManager-l2tp).',
        );
      await writeFiles(tools, files);
      await reload(tools, '--load-all');
    },
    async remove() {
      await writeFiles(tools, await filesFor(tools, null));
      // Not the connections: one that names the certificate could not be read without it.
      await reload(tools, '--load-creds');
    },
  };
}

/** Null: none of them. The authorities come first and go with the rest. */
async function filesFor({ host }: Tools, held: Pem | null): Promise<WantedFile[]> {
  const files: WantedFile[] = [];
  for (const { folder, authority, certificate, key } of CERTIFICATE_HOMES) {
    if (!(await host.status(folder)).ok) continue;
    const { own, issuing, root } = DEVICE_FILES;
    const at = (kind: string, file: string) => `${folder}/${kind}/${file}`;
    files.push(
      { path: at(authority, root), content: held?.root ?? null, mode: 0o644 },
      { path: at(authority, issuing), content: held?.issuing ?? null, mode: 0o644 },
      // The key first: a certificate without its key would be tried and fail.
      { path: at(key, own), content: held?.key ?? null, mode: 0o600 },
      { path: at(certificate, own), content: held?.certificate ?? null, mode: 0o644 },
    );
  }
  return files;
}

/** A daemon that does not run reads the files when it starts; NetworkManager reads them when it dials. */
async function reload(tools: Tools, what: '--load-all' | '--load-creds'): Promise<void> {
  if (!(await hasStrongswan(tools))) return;
  // --clear: of two certificates with the same subject, the daemon might go on using the old one.
  const argv = [what, '--clear', '--noprompt'];
  const loaded = await act(tools, 'certificate load', swanctl, argv, { timeoutMs: 15_000 });
  if (loaded.code !== 0) throw new Error(`strongSwan did not take the certificate: ${complaint(loaded)}`);
}
