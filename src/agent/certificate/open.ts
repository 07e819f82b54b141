import type { Platform } from '../../../collectors/check.ts';
import { noFailpoints } from '../../base/failpoint.ts';
import type { DriverParts } from '../vpn/open-vpn.ts';
import type { CertificateStore } from './certificate-store.ts';

type Parts = DriverParts;

export const sendSignal = (pid: number, name: NodeJS.Signals) => process.kill(pid, name);

const stores: Record<Platform, (parts: Parts) => Promise<CertificateStore>> = {
  async linux({ host, clock, log }) {
    const { linuxCertificates } = await import('./linux.ts');
    return linuxCertificates({ host, clock, log, failpoints: noFailpoints, signal: sendSignal });
  },
  async windows({ host }) {
    const { windowsCertificates } = await import('./windows.ts');
    return windowsCertificates(host);
  },
  async macos({ host, stateDir }) {
    const { macosCertificates } = await import('./macos.ts');
    return macosCertificates(host, stateDir);
  },
};

/** Where this system's VPN software looks for certificates. */
export function openCertificateStore(platform: Platform, parts: Parts): Promise<CertificateStore> {
  return stores[platform](parts);
}
