import type { VpnProfile } from '../../wire/vpn.ts';
import { ownUuid } from './linux-names.ts';

/** Where a certificate profile's files lie: below /etc/ipsec.d, which strongSwan's AppArmor profile lets it read. */
export type MachineFiles = { authority: string; certificate: string; key: string };

/** Secrets of a profile that are in its file already. Raw values: written back as they were. */
export type Kept = { user: string | null; password: string | null };

const SERVICE = 'org.freedesktop.NetworkManager.l2tp';

/** NetworkManager's keyfile of a profile. Secrets stand in the file alone, which is root's. */
export function keyfile(profile: VpnProfile, files: MachineFiles, kept: Kept): string {
  const user = profile.user === null ? kept.user : escaped(profile.user.name);
  const password =
    profile.user === null || profile.user.password === null
      ? user === kept.user
        ? kept.password
        : null
      : escaped(profile.user.password);
  return sections({
    connection: {
      id: escaped(profile.name),
      uuid: ownUuid(profile.name),
      type: 'vpn',
      autoconnect: 'false',
    },
    vpn: {
      'service-type': SERVICE,
      gateway: profile.gateway,
      user,
      // 0: stored in this file; 1: whoever asks for the connection is asked.
      'password-flags': password === null ? '1' : '0',
      'ephemeral-port': 'yes',
      ...machine(profile, files),
      'ipsec-ike': suites(profile.suites.ike),
      'ipsec-esp': suites(profile.suites.esp),
      ...mtu(profile.mtu),
      'refuse-pap': 'yes',
      'refuse-chap': 'yes',
      'refuse-mschap': 'yes',
      'refuse-eap': 'yes',
    },
    'vpn-secrets': {
      password,
      'ipsec-psk': profile.machine.kind === 'psk' ? escaped(profile.machine.psk) : null,
    },
    ipv4: ipv4(profile),
    ipv6: { method: 'disabled' },
  });
}

type Entries = Record<string, string | null>;

function machine({ machine: own }: VpnProfile, files: MachineFiles): Entries {
  if (own.kind === 'psk')
    return { 'ipsec-enabled': 'yes', 'machine-auth-type': 'psk', 'ipsec-psk-flags': '0' };
  return {
    'ipsec-enabled': 'yes',
    'machine-auth-type': 'tls',
    'machine-ca': files.authority,
    'machine-cert': files.certificate,
    'machine-key': files.key,
    // 4: there is none to ask for.
    'machine-certpass-flags': '4',
    'ipsec-remote-id': own.gatewayId === null ? null : escaped(own.gatewayId),
  };
}

/** The `!` keeps strongSwan from offering anything else. */
function suites(proposals: readonly string[]): string | null {
  return proposals.length === 0 ? null : `${proposals.join(',')}!`;
}

function mtu(bytes: number | null): Entries {
  return bytes === null ? {} : { mtu: String(bytes), mru: String(bytes) };
}

function ipv4({ routes, dns }: VpnProfile): Entries {
  const listed = routes === 'all' ? [] : routes;
  return {
    method: 'auto',
    ...(routes === 'all' ? {} : { 'never-default': 'true' }),
    ...Object.fromEntries(listed.map((route, index) => [`route${index + 1}`, route])),
    ...(dns.length === 0 ? {} : { dns: `${dns.join(';')};`, 'ignore-auto-dns': 'true' }),
  };
}

function sections(all: Record<string, Entries>): string {
  const texts = Object.entries(all).map(([name, entries]) => {
    const lines = Object.entries(entries).flatMap(([key, value]) =>
      value === null ? [] : [`${key}=${value}`],
    );
    return [`[${name}]`, ...lines, ''].join('\n');
  });
  return `# Kept by Drawbridge: a change by hand is overwritten.\n${texts.join('\n')}`;
}

/** As GKeyFile reads it back. Control characters cannot get here: `set` refuses them. */
function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll(/^ +/g, (spaces) => '\\s'.repeat(spaces.length));
}

/** User and password of a keyfile, raw. */
export function keptOf(text: string): Kept {
  return { user: valueIn(text, 'vpn', 'user'), password: valueIn(text, 'vpn-secrets', 'password') };
}

function valueIn(text: string, section: string, key: string): string | null {
  const lines = new RegExp(`^\\[${section}\\]\\n([^[]*)`, 'm').exec(text)?.[1] ?? '';
  return new RegExp(`^${key}=(.*)$`, 'm').exec(lines)?.[1] ?? null;
}
