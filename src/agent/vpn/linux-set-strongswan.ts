import { swanctl } from '../../base/commands.ts';
import type { VpnProfile } from '../../wire/vpn.ts';
import { DEVICE_FILES } from '../certificate/linux-places.ts';
import type { Backend } from './linux-backend.ts';
import { dialPpp, pppFiles } from './linux-dial.ts';
import { addressesOf } from './linux-gateways.ts';
import { ownName } from './linux-names.ts';
import { act, complaint, type Tools } from './linux-tools.ts';

export async function hasStrongswan({ host }: Tools): Promise<boolean> {
  return (await host.run(swanctl, ['--stats'])).code === 0;
}

/** Behind the drop-ins of others: of two pre-shared keys that suit a peer equally, the one read first is used. */
function configPath(name: string): string {
  return `/etc/swanctl/conf.d/zz-${ownName(name)}.conf`;
}

/** A drop-in for swanctl.conf with one connection and, where it has one, its pre-shared key. */
export function swanctlConfig(profile: VpnProfile, addresses: readonly string[]): string {
  const { machine, suites, gateway } = profile;
  const own = ownName(profile.name);
  const ends = endsOf(profile);
  return `# Kept by Drawbridge: a change by hand is overwritten.
connections {
  ${own} {
    version = 1
    remote_addrs = ${gateway}
${list('proposals', suites.ike)}    keyingtries = 1
    dpd_delay = 30s
    ${ends.join('\n    ')}
    children {
      ${own} {
        mode = transport
        local_ts = dynamic[udp]
        remote_ts = dynamic[udp/1701]
${list('    esp_proposals', suites.esp)}        dpd_action = clear
        start_action = none
      }
    }
  }
}
${machine.kind === 'psk' ? secret(own, machine.psk, addresses) : ''}`;
}

function endsOf({ machine, name }: VpnProfile): string[] {
  if (machine.kind === 'psk') return ['local { auth = psk }', 'remote { auth = psk\n      id = %any }'];
  const own = `${ownName(name)}.pem`;
  const isDevices = machine.kind === 'device-certificate';
  const certificate = isDevices ? DEVICE_FILES.own : own;
  const authority = isDevices && machine.authority === null ? DEVICE_FILES.issuing : own;
  return [
    `local { auth = pubkey\n      certs = ${certificate} }`,
    `remote { auth = pubkey\n      cacerts = ${authority}\n      id = ${quoted(machine.gatewayId ?? '%any')} }`,
  ];
}

function list(key: string, proposals: readonly string[]): string {
  return proposals.length === 0 ? '' : `    ${key} = ${proposals.join(',')}\n`;
}

/**
 * In hexadecimal, so that no character of it means anything. With `%any` it suits this end as well as a key without
 * identities does (5.9.8 compares this end first), and with the address it suits the gateway better.
 */
function secret(own: string, psk: string, addresses: readonly string[]): string {
  const ids = ['%any', ...addresses].map((id, index) => `    id-${index} = ${id}\n`).join('');
  return `secrets {\n  ike-${own} {\n    secret = 0x${Buffer.from(psk).toString('hex')}\n${ids}  }\n}\n`;
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

const INITIATE_TIMEOUT_S = 30;

export const strongswan: Backend = {
  name: 'strongswan',
  refuse: () => null,

  async files(tools, profile) {
    const { machine, name, gateway } = profile;
    const addresses = machine.kind === 'psk' ? await addressesOf(tools.host, gateway) : [];
    const certificate = machine.kind === 'certificate' ? machine : null;
    const authority = machine.kind === 'psk' ? null : machine.authority;
    const file = `${ownName(name)}.pem`;
    return [
      { path: `/etc/swanctl/x509ca/${file}`, content: authority, mode: 0o644 },
      { path: `/etc/swanctl/x509/${file}`, content: certificate?.certificate ?? null, mode: 0o644 },
      { path: `/etc/swanctl/private/${file}`, content: certificate?.key ?? null, mode: 0o600 },
      ...(await pppFiles(tools, profile)),
      { path: configPath(name), content: swanctlConfig(profile, addresses), mode: 0o600 },
    ];
  },

  async load(tools, name) {
    // --clear: of two certificates with the same subject, the daemon might go on using the old one.
    const argv = ['--load-all', '--clear', '--noprompt'];
    const loaded = await act(tools, 'swanctl load', swanctl, argv, { timeoutMs: 15_000 });
    if (loaded.code !== 0) return `strongSwan did not take its settings: ${complaint(loaded)}`;
    if (!(await tools.host.status(configPath(name))).ok) return null;
    const { stdout } = await tools.host.run(swanctl, ['--list-conns', '--raw']);
    if (stdout.includes(`{${ownName(name)} {`)) return null;
    return 'strongSwan did not read the profile: /etc/swanctl/swanctl.conf needs the line "include conf.d/*.conf".';
  },

  async dial(tools, name, signal) {
    const own = ownName(name);
    const argv = ['--initiate', '--child', own, '--timeout', String(INITIATE_TIMEOUT_S)];
    const up = await act(tools, 'ike up', swanctl, argv, { timeoutMs: (INITIATE_TIMEOUT_S + 5) * 1_000 });
    if (up.code !== 0) return `IPsec did not come up: ${ikeReason(up.stdout + up.stderr) ?? complaint(up)}`;
    return dialPpp(tools, name, signal);
  },
};

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/NO_PROPOSAL_CHOSEN|NO_PROP/, 'the gateway accepts none of the suites'],
  [/AUTHENTICATION_FAILED|AUTH_FAILED/, 'the gateway does not accept the certificate or key'],
  [
    /INVALID_ID|constraint check failed|no trusted .* public key found/,
    'the gateway’s certificate is not the expected one',
  ],
  [
    /malformed|INVALID_HASH|PAYLOAD_MALFORMED/,
    'the gateway does not understand us: the pre-shared key is probably wrong',
  ],
  [/giving up after|retransmit|not established after/, 'the gateway does not answer'],
];

/** Words for the reasons that are ours to tell; null for any other. */
export function ikeReason(text: string): string | null {
  return REASONS.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}
