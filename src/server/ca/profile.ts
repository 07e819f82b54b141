import { isIP } from 'node:net';
import { ExtendedKeyUsage } from '../../base/x509.ts';

/** Names as a certificate's subjectAltName has them. */
export type AltName = { type: 'dns' | 'ip' | 'url'; value: string };

/** Everything that a certificate says, but for its key. A request has no say in it. */
export type Profile = {
  kind: 'device' | 'gateway';
  commonName: string;
  names: readonly AltName[];
  /** Object identifiers of extended key usages. */
  usages: readonly string[];
  validMs: number;
};

/** id-kp-ipsecIKE (RFC 4945) and Microsoft's iKEIntermediate: some clients ask for the one, some for the other. */
const IPSEC = ['1.3.6.1.5.5.7.3.17', '1.3.6.1.5.5.8.2.2'] as const;

export type ProfileSettings = {
  /** Below which each device has its name. */
  domain: string;
  deviceHours: number;
  gatewayDays: number;
};

const HOUR_MS = 3_600_000;

export function deviceProfile(device: string, { domain, deviceHours }: ProfileSettings): Profile {
  return {
    kind: 'device',
    commonName: device,
    names: [
      { type: 'dns', value: `${device}.${domain}` },
      { type: 'url', value: `urn:posture:device:${device}` },
    ],
    usages: [ExtendedKeyUsage.clientAuth, ...IPSEC],
    validMs: deviceHours * HOUR_MS,
  };
}

/** `names` are host names and addresses; the first one is the common name. */
export function gatewayProfile(names: readonly string[], { gatewayDays }: ProfileSettings): Profile {
  return {
    kind: 'gateway',
    commonName: names[0] ?? '',
    names: names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
    usages: [ExtendedKeyUsage.serverAuth, ...IPSEC],
    validMs: gatewayDays * 24 * HOUR_MS,
  };
}
