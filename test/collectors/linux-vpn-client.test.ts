import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FileStatus, Host } from '../../collectors/check.ts';
import { linux } from '../../collectors/linux.ts';
import { isProtected, parseTrafficStatus } from '../../collectors/vpn-client/linux-associations.ts';
import { parseRow, parseVpnData } from '../../collectors/vpn-client/linux-nmcli.ts';
import { parsePppol2tp } from '../../collectors/vpn-client/linux-ppp.ts';
import { parseSwanctlConf, parseVici, sectionOf, textOf } from '../../collectors/vpn-client/linux-vici.ts';
import { parseLacs } from '../../collectors/vpn-client/linux-xl2tpd.ts';
import { replayHost } from '../../src/agent/replay.ts';
import { err, ok } from '../../src/base/result.ts';
import { loadCases, loadRecording } from '../conformance/cases.ts';

const folder = join(import.meta.dirname, '..', 'fixtures', 'vpn-client', 'linux');
const cases = loadCases(folder);

/** The machine of one case, whose files have these modes. */
function machine(name: string, modes: Record<string, number> = {}): Host {
  const one = cases.find(({ id }) => id === `linux/vpn-client/${name}`);
  if (!one) throw new Error(`no case ${name}`);
  const base: Omit<FileStatus, 'mode'> = {
    modifiedMs: 1_795_160_000_000,
    uid: 0,
    kind: 'file',
    size: 1,
    inode: 1,
  };
  return {
    ...replayHost(loadRecording(one, folder)),
    status: async (path) => {
      const mode = modes[path];
      return mode === undefined ? err('missing') : ok({ ...base, mode });
    },
  };
}

async function profileOf(host: Host) {
  const answer = await linux['vpn-client'](host);
  if (answer.state !== 'known') throw new Error(answer.detail);
  return answer.fact.profiles[0];
}

describe('secrets', () => {
  test.each(cases.map(({ id }) => id.replace('linux/vpn-client/', '')))(
    '%s gives none away',
    async (name) => {
      const text = JSON.stringify(await linux['vpn-client'](machine(name)));
      expect(text).not.toMatch(/not for you|a, b|key\.pem|"lena"|hidden/);
    },
  );

  test.each([
    [
      'a keyfile for root alone',
      'nm-down',
      { '/etc/NetworkManager/system-connections/fjord.nmconnection': 0o600 },
      false,
    ],
    [
      'a keyfile for everybody',
      'nm-down',
      { '/etc/NetworkManager/system-connections/fjord.nmconnection': 0o644 },
      true,
    ],
    ['settings with a secret, for a group', 'manual-down', { '/etc/swanctl/swanctl.conf': 0o640 }, true],
    ['settings with a secret, for root', 'manual-down', { '/etc/swanctl/swanctl.conf': 0o600 }, false],
    ['an included secrets file', 'libreswan-stopped', { '/etc/ipsec.d/office.secrets': 0o604 }, true],
    [
      'settings without a secret',
      'libreswan-stopped',
      { '/etc/ipsec.d/office.conf': 0o644, '/etc/ipsec.secrets': 0o600 },
      false,
    ],
    ['nothing to look at', 'manual-down', {}, null],
  ])('%s', async (_what, name, modes: Record<string, number>, readable) => {
    expect(await profileOf(machine(name, modes))).toMatchObject({ secretsReadableByUser: readable });
  });
});

/** One session of /proc/net/pppol2tp. */
const block = (name: string, side: string) =>
  `  SESSION 'sess 1/2' C0000214/1701 0001/0002 -> 7A4D/22D0 3 Y\n   0/0/-/-/${side} 00000000 0\n   interface ${name}\n`;

describe('a live session', () => {
  test('is as old as its pppd', async () => {
    const host = machine('manual-up', { '/run/ppp0.pid': 0o644 });
    expect(await profileOf(host)).toMatchObject({ since: '2026-11-20T07:33:20.000Z' });
  });

  test('of a server is not one of this client', () => {
    expect([...parsePppol2tp(block('ppp4', 'LNS') + block('ppp5', 'LAC') + block('(null)', 'LAC'))]).toEqual([
      'ppp5',
    ]);
  });

  test.each([
    ['by name', [{ name: 'fjord', peer: null, l2tp: null }], '198.51.100.7', true],
    ['by address', [{ name: 'x', peer: '198.51.100.7', l2tp: true }], '198.51.100.7', true],
    ['not by another address', [{ name: 'x', peer: '198.51.100.8', l2tp: true }], '198.51.100.7', false],
    [
      'by L2TP to a gateway that has a name',
      [{ name: 'x', peer: '198.51.100.8', l2tp: true }],
      'vpn.fjord.example',
      true,
    ],
    ['not by other traffic', [{ name: 'x', peer: '198.51.100.8', l2tp: false }], 'vpn.fjord.example', false],
    ['not by nothing', [], 'vpn.fjord.example', false],
  ])('is protected %s', (_how, associations, gateway, expected) => {
    expect(isProtected(associations, ['fjord'], gateway)).toBe(expected);
  });
});

describe('formats', () => {
  test('rows of nmcli', () => {
    expect(parseRow('odd\\:name\\\\x:uuid:vpn:')).toEqual(['odd:name\\x', 'uuid', 'vpn', '']);
  });

  test('vpn.data keeps public keys and only notes that there is a secret', () => {
    const data = parseVpnData('gateway = a\\, b, ipsec-psk = 0sSECRET, password-flags = 1, user = lena');
    expect([...data.values]).toEqual([['gateway', 'a, b']]);
    expect(data.holdsSecret).toBe(true);
    expect(parseVpnData('gateway = x, password-flags = 0, ipsec-psk-flags = 0').holdsSecret).toBe(false);
  });

  test('strongSwan’s socket: identities with spaces, lists, the first of equal keys', () => {
    const tree = parseVici(
      'event {a {local-id=C=NO, O=Fjord AS, CN=x remote-ts=[1.2.3.4/32[udp/l2f] 5.6.7.8/32] id=1 id=2 child-sas {}}}',
    );
    const connection = sectionOf(sectionOf(tree, 'event'), 'a');
    expect(textOf(connection, 'local-id')).toBe('C=NO, O=Fjord AS, CN=x');
    expect(textOf(connection, 'remote-ts')).toBe('1.2.3.4/32[udp/l2f] 5.6.7.8/32');
    expect(textOf(connection, 'id')).toBe('1');
    expect(sectionOf(connection, 'child-sas')?.size).toBe(0);
  });

  test('swanctl.conf: inheritance, comments, one-line sections, braces in quotes', () => {
    const tree = parseSwanctlConf(
      'secrets { ike { secret = "} # {" } }\na : base { # x = 1\n  local { auth = psk }\n  remote_addrs = "h # h"\n}\n',
    );
    expect(textOf(sectionOf(sectionOf(tree, 'a'), 'local'), 'auth')).toBe('psk');
    expect(textOf(sectionOf(tree, 'a'), 'remote-addrs')).toBe('h # h');
    expect(sectionOf(tree, 'a')?.has('x')).toBe(false);
  });

  test('xl2tpd.conf: comments behind values, servers and defaults are no clients', () => {
    const text =
      '[lac default]\nlns = d\n[lac a b] ; client\nlns = h1 ; first\nlns = h2\n[lns default]\nlac = 1.2.3.4\n;[lac c]\n';
    expect(parseLacs(text)).toEqual([{ name: 'a b', gateway: 'h1' }]);
  });

  test('Libreswan’s tunnels, one of them an instance', () => {
    const text =
      '006 #6: "fjord", type=ESP, add_time=1\n#9: "any"[2] 198.51.100.9, type=ESP, add_time=2\n#10: "ah", type=AH\n';
    expect(parseTrafficStatus(text)).toEqual([
      { name: 'fjord', peer: null, l2tp: null },
      { name: 'any', peer: '198.51.100.9', l2tp: null },
    ]);
  });
});
