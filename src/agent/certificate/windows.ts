import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Host } from '../../../collectors/check.ts';
import { takeSteps } from '../vpn/windows-powershell.ts';
import { problemIn } from '../vpn/windows-tools.ts';
import type { CertificateStore } from './certificate-store.ts';

/** By this name in the store, what is ours is found again. */
const FRIENDLY_NAME = 'Drawbridge device';

/** The computer's own store, where IKEEXT looks for machine certificates. Written from Microsoft's pages; not run. */
export function windowsCertificates(host: Pick<Host, 'run'>): CertificateStore {
  const step = async (file: string, want: Record<string, unknown>) => {
    const files = [`src/agent/certificate/${file}.ps1`];
    const lookup = await takeSteps(host, {
      files,
      probes: ['certificateStore'],
      want: { ...NAMES, ...want },
    });
    const problem = problemIn(lookup, 'certificateStore');
    if (problem !== null) throw new Error(`Windows did not take the certificate: ${problem}`);
  };
  return {
    install: ({ key, certificate, issuing, root }) =>
      step('windows-install', {
        key: createPrivateKey(key).export({ format: 'der', type: 'pkcs8' }).toString('base64'),
        certificate: derOf(certificate),
        issuing: derOf(issuing),
        root: derOf(root),
      }),
    remove: () => step('windows-remove', {}),
  };
}

const NAMES = { friendlyName: FRIENDLY_NAME };

function derOf(pem: string): string {
  return new X509Certificate(pem).raw.toString('base64');
}
