import type { VpnProfile } from '../../src/wire/vpn.ts';
import { addresses } from '../rig/rig.ts';
import { GATEWAY_NAME, type Secrets } from '../rig/stack/secrets.ts';

/** A profile `office` that gets in at the rig's gateway, but for what `change` says. */
export function officeProfile(secrets: Secrets, change: Partial<VpnProfile> = {}): VpnProfile {
  return {
    name: 'office',
    gateway: addresses.gateway,
    machine: { kind: 'psk', psk: secrets.psk },
    user: { name: secrets.user, password: secrets.password },
    suites: { ike: ['aes256-sha256-modp2048'], esp: ['aes256-sha256'] },
    routes: ['10.99.0.0/24'],
    dns: [],
    mtu: 1280,
    ...change,
  };
}

/** A laptop that proves itself by its certificate instead of the key. */
export function officeCertificate(secrets: Secrets) {
  return {
    kind: 'certificate' as const,
    authority: secrets.authority.certificate,
    certificate: secrets.laptop.certificate,
    key: secrets.laptop.key,
    gatewayId: GATEWAY_NAME,
  };
}
