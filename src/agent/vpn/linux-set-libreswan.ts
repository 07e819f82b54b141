import type { Output } from '../../../collectors/check.ts';
import { ipsec } from '../../base/commands.ts';
import type { VpnProfile } from '../../wire/vpn.ts';
import type { Backend } from './linux-backend.ts';
import { dialPpp, pppFiles } from './linux-dial.ts';
import { addressesOf } from './linux-gateways.ts';
import { hasRivalPsk } from './linux-libreswan-psks.ts';
import { ownName } from './linux-names.ts';
import { act, complaint, type Tools } from './linux-tools.ts';

/** Only Libreswan's `ipsec` knows this word. */
export async function hasLibreswan({ host }: Tools): Promise<boolean> {
  return (await host.run(ipsec, ['trafficstatus'])).code === 0;
}

function configPath(name: string): string {
  return `/etc/ipsec.d/${ownName(name)}.conf`;
}

function secretsPath(name: string): string {
  return `/etc/ipsec.d/${ownName(name)}.secrets`;
}

/** A drop-in for ipsec.conf. Keywords of Libreswan 3 to 5. */
export function ipsecConfig({ name, gateway, suites }: VpnProfile): string {
  const lines = [
    'type=transport',
    'authby=secret',
    'ikev2=no',
    'auto=ignore',
    'left=%defaultroute',
    'leftprotoport=17/0',
    `right=${gateway}`,
    'rightprotoport=17/1701',
    'rekey=yes',
    'keyingtries=1',
    // The minute that is the default is longer than anybody waits for us.
    'retransmit-timeout=15s',
    `pfs=${suites.esp.some(hasGroup) ? 'yes' : 'no'}`,
    ...(suites.ike.length === 0 ? [] : [`ike=${suites.ike.map(proposal).join(',')}`]),
    ...(suites.esp.length === 0 ? [] : [`esp=${suites.esp.map(proposal).join(',')}`]),
  ];
  const section = lines.map((line) => `    ${line}\n`).join('');
  return `# Kept by Drawbridge: a change by hand is overwritten.\nconn ${ownName(name)}\n${section}`;
}

const ALGORITHMS: Record<string, string> = {
  sha256: 'sha2_256',
  sha384: 'sha2_384',
  sha512: 'sha2_512',
  ecp256: 'dh19',
  ecp384: 'dh20',
  ecp521: 'dh21',
  curve25519: 'dh31',
  aes128gcm16: 'aes_gcm128',
  aes256gcm16: 'aes_gcm256',
};

/** As strongSwan reads it: new keys in phase 2 where a proposal for it names a group; Libreswan would by default. */
function hasGroup(proposal: string): boolean {
  return /-(?:modp|ecp|curve)\d/.test(proposal);
}

/** strongSwan's `aes256-sha256-modp2048` in Libreswan's words: `aes256-sha2_256;modp2048`. */
function proposal(strongswan: string): string {
  const words = strongswan.split('-').map((one) => ALGORITHMS[one] ?? one);
  const group = words.findIndex((one) => /^(?:modp|dh)\d/.test(one));
  if (group < 0) return words.join('-');
  return `${words.filter((_, index) => index !== group).join('-')};${words[group]}`;
}

/** In hexadecimal, so that no character of it means anything. */
function secrets(psk: string, addresses: readonly string[]): string {
  const key = `0x${Buffer.from(psk).toString('hex')}`;
  return addresses.map((address) => `%any ${address} : PSK ${key}\n`).join('');
}

const UP_TIMEOUT_MS = 40_000;

/** How `ipsec auto --add` (4.10) ends when pluto refuses a connection that it could read; why, only pluto's log says. */
const NOT_LOADED = 36;

const WRONG_KEY = 'the pre-shared key is probably wrong';

/** What pluto says (4.10) where all it sees is that nothing came back: of the first message, or of the first that the key protects. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/Possible authentication failure/, WRONG_KEY],
  [/no acceptable response\) to our first IKEv1 message/, 'the gateway does not answer'],
];

/** whack's classes 02 and 03 are what went wrong, the cause first. */
export function plutoReason({ stdout }: Pick<Output, 'stdout'>): string | null {
  const told = stdout.split('\n').find((line) => /^0[23]\d /.test(line));
  if (told === undefined) return null;
  return REASONS.find(([pattern]) => pattern.test(told))?.[1] ?? told.slice(4, 204);
}

async function doubts({ host }: Tools, name: string): Promise<string[]> {
  const config = await host.readText(configPath(name));
  const gateway = /^ +right=(.*)$/m.exec(config.ok ? config.value : '')?.[1];
  if (gateway === undefined || !(await hasRivalPsk(host, await addressesOf(host, gateway)))) return [];
  return [
    'Libreswan holds another pre-shared key for this gateway (ipsec whack --listpsks), and does not say which it uses.',
  ];
}

export const libreswan: Backend = {
  name: 'libreswan',
  refuse: ({ machine }) =>
    machine.kind === 'psk'
      ? null
      : 'Libreswan keeps certificates in a database of its own, which is not supported.',

  async files(tools, profile) {
    const { machine, name, gateway } = profile;
    const addresses = await addressesOf(tools.host, gateway);
    return [
      ...(await pppFiles(tools, profile)),
      {
        path: secretsPath(name),
        content: machine.kind === 'psk' ? secrets(machine.psk, addresses) : null,
        mode: 0o600,
      },
      { path: configPath(name), content: ipsecConfig(profile), mode: 0o600 },
    ];
  },

  async load(tools, name) {
    const own = ownName(name);
    await act(tools, 'ipsec secrets', ipsec, ['whack', '--rereadsecrets']);
    await act(tools, 'ipsec delete', ipsec, ['whack', '--delete', '--name', own]);
    if (!(await tools.host.status(configPath(name))).ok) return null;
    const added = await act(tools, 'ipsec add', ipsec, ['auto', '--add', own], { timeoutMs: 15_000 });
    if (added.code === 0) return null;
    return added.code === NOT_LOADED
      ? 'Libreswan did not take the profile; it refuses IKEv1, which L2TP needs, unless ikev1-policy=accept stands in /etc/ipsec.conf under "config setup".'
      : `Libreswan did not take the profile: ${complaint(added)}`;
  },

  async dial(tools, name, signal) {
    const argv = ['auto', '--up', ownName(name)];
    const up = await act(tools, 'ike up', ipsec, argv, { timeoutMs: UP_TIMEOUT_MS });
    if (up.code !== 0) {
      const reason = plutoReason(up) ?? complaint(up);
      const more = reason === WRONG_KEY ? await doubts(tools, name) : [];
      return [`IPsec did not come up: ${reason}`, ...more].join('. ');
    }
    return dialPpp(tools, name, signal);
  },

  doubts,
};
