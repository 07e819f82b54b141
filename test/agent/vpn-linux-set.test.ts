import { describe, expect, test } from 'vitest';
import { connectionsIn } from '../../collectors/vpn-client/linux-connections.ts';
import { parseIpsecConf } from '../../collectors/vpn-client/linux-ipsec-conf.ts';
import { parseSwanctlConf, sectionOf } from '../../collectors/vpn-client/linux-vici.ts';
import { parseLacs } from '../../collectors/vpn-client/linux-xl2tpd.ts';
import { parseIni, valueOf } from '../../collectors/linux-ini.ts';
import { isAsWanted } from '../../src/agent/vpn/linux-files.ts';
import { keptOf, keyfile } from '../../src/agent/vpn/linux-keyfile.ts';
import { ownName, ownUuid } from '../../src/agent/vpn/linux-names.ts';
import { diallerConfig, keptLines, pppOptions, wayOf } from '../../src/agent/vpn/linux-ppp-options.ts';
import { parsePsks, suitsAsWell } from '../../src/agent/vpn/linux-libreswan-psks.ts';
import { ipsecConfig, plutoReason } from '../../src/agent/vpn/linux-set-libreswan.ts';
import { namedFiles } from '../../src/agent/vpn/linux-set-networkmanager.ts';
import { ikeReason, swanctlConfig } from '../../src/agent/vpn/linux-set-strongswan.ts';
import type { VpnProfile } from '../../src/wire/vpn.ts';

const profile: VpnProfile = {
  name: 'office',
  gateway: '203.0.113.1',
  machine: { kind: 'psk', psk: 'a "quoted" \\ key # {' },
  user: { name: 'alice', password: ' p"a\\ss' },
  suites: { ike: ['aes256-sha256-modp2048'], esp: ['aes256-sha256'] },
  routes: ['10.99.0.0/24'],
  dns: ['10.99.0.53'],
  mtu: 1280,
};
const files = { authority: '/ca.pem', certificate: '/cert.pem', key: '/key.pem' };
const nothing = { user: null, password: null };

describe('names', () => {
  test('any profile name becomes one word that no other name becomes', () => {
    expect(ownName('office')).toBe('drawbridge-office');
    const words = ['a b', 'a.b', 'a-b', 'büro', 'b-ro'].map(ownName);
    expect(new Set(words).size).toBe(5);
    for (const word of words) expect(word).toMatch(/^drawbridge-[A-Za-z0-9_-]+$/);
  });

  test('no profile has the names of the device’s own certificate', () => {
    for (const name of ['device', 'device-root', 'device-issuing'])
      expect(ownName(name)).toMatch(new RegExp(`^drawbridge-${name}-[0-9a-f]{8}$`));
  });

  test('a UUID stays with its name', () => {
    expect(ownUuid('office')).toBe(ownUuid('office'));
    expect(ownUuid('office')).not.toBe(ownUuid('other'));
    expect(ownUuid('office')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe('swanctl.conf', () => {
  test('is read back as an L2TP connection, whatever is in the key', () => {
    const text = swanctlConfig(profile, ['203.0.113.1']);
    const tree = parseSwanctlConf(text);
    expect(connectionsIn(sectionOf(tree, 'connections'))).toMatchObject([
      { name: 'drawbridge-office', peer: '203.0.113.1', auth: 'psk' },
    ]);
    const hex = /secret = 0x([0-9a-f]+)/.exec(text)?.[1] ?? '';
    expect(Buffer.from(hex, 'hex').toString()).toBe('a "quoted" \\ key # {');
    expect(text).not.toContain('quoted');
  });

  test('with a certificate there is no key in it, and the gateway’s name is quoted', () => {
    const machine = {
      kind: 'certificate' as const,
      authority: 'A',
      certificate: 'C',
      key: 'K',
      gatewayId: 'O=Rig, CN="x"',
    };
    const text = swanctlConfig({ ...profile, machine }, []);
    expect(text).not.toContain('secret');
    expect(text).toContain('id = "O=Rig, CN=\\"x\\""');
    expect(connectionsIn(sectionOf(parseSwanctlConf(text), 'connections'))).toMatchObject([
      { auth: 'certificate' },
    ]);
  });

  test('with the device’s own certificate it names the files that are renewed, and the authority where it is another', () => {
    const machine = { kind: 'device-certificate' as const, authority: null, gatewayId: 'vpn.example.test' };
    const text = swanctlConfig({ ...profile, machine }, []);
    expect(text).toContain('certs = drawbridge-device.pem }');
    expect(text).toContain('cacerts = drawbridge-device-issuing.pem\n');
    expect(text).not.toContain('secret');
    expect(connectionsIn(sectionOf(parseSwanctlConf(text), 'connections'))).toMatchObject([
      { auth: 'certificate' },
    ]);
    const foreign = swanctlConfig({ ...profile, machine: { ...machine, authority: 'A' } }, []);
    expect(foreign).toContain('certs = drawbridge-device.pem }');
    expect(foreign).toContain('cacerts = drawbridge-office.pem\n');
  });

  test.each([
    ['received NO_PROPOSAL_CHOSEN error notify', 'suites'],
    ['received AUTHENTICATION_FAILED error notify', 'certificate or key'],
    ['ignore malformed INFORMATIONAL request\ngiving up after 3 retransmits', 'pre-shared key'],
    ['giving up after 3 retransmits', 'does not answer'],
  ])('%s is told in plain words', (said, told) => {
    expect(ikeReason(said)).toContain(told);
  });
});

describe('NetworkManager’s keyfile', () => {
  test('holds the whole profile', () => {
    const ini = parseIni(keyfile(profile, files, nothing));
    const value = (section: string, key: string) =>
      valueOf(
        ini.find(({ name }) => name === section),
        key,
      );
    expect(value('connection', 'uuid')).toBe(ownUuid('office'));
    expect(value('vpn', 'gateway')).toBe('203.0.113.1');
    expect(value('vpn', 'ipsec-ike')).toBe('aes256-sha256-modp2048!');
    expect(value('vpn', 'mtu')).toBe('1280');
    expect(value('ipv4', 'route1')).toBe('10.99.0.0/24');
    expect(value('ipv4', 'never-default')).toBe('true');
    expect(value('ipv4', 'dns')).toBe('10.99.0.53;');
  });

  test('names the device’s own certificate where it lies, and an authority of the gateway’s where there is one', () => {
    const machine = { kind: 'device-certificate' as const, authority: null, gatewayId: 'vpn.example.test' };
    const own = { ...profile, machine };
    const text = keyfile(own, namedFiles(own), nothing);
    expect(text).toContain('machine-auth-type=tls\n');
    expect(text).toContain('machine-cert=/etc/ipsec.d/certs/drawbridge-device.pem\n');
    expect(text).toContain('machine-key=/etc/ipsec.d/private/drawbridge-device.pem\n');
    expect(text).toContain('machine-ca=/etc/ipsec.d/cacerts/drawbridge-device-root.pem\n');
    expect(text).not.toContain('psk');
    const foreign = { ...own, machine: { ...machine, authority: 'A' } };
    expect(namedFiles(foreign).authority).toBe('/etc/ipsec.d/cacerts/drawbridge-office.pem');
  });

  test('secrets stand in their own section, escaped as GKeyFile reads them', () => {
    const text = keyfile(profile, files, nothing);
    const [before = '', secrets = ''] = text.split('[vpn-secrets]\n');
    expect(before).not.toMatch(/quoted|p"a/);
    expect(secrets).toContain('password=\\sp"a\\\\ss\n');
    expect(secrets).toContain('ipsec-psk=a "quoted" \\\\ key # {\n');
  });

  test('without a password, what was stored for the same user stays', () => {
    const kept = keptOf(keyfile(profile, files, nothing));
    const same = { ...profile, user: { name: 'alice', password: null } };
    expect(keyfile(same, files, kept)).toContain('password=\\sp"a\\\\ss\n');
    expect(keyfile({ ...profile, user: null }, files, kept)).toContain('user=alice\n');
    const other = keyfile({ ...profile, user: { name: 'bob', password: null } }, files, kept);
    expect(other).toContain('password-flags=1\n');
    expect(other).not.toContain('p"a');
  });
});

describe('xl2tpd and pppd', () => {
  test('the dialler dials the gateway and remembers the way through the tunnel', () => {
    const text = diallerConfig(profile);
    expect(parseLacs(text)).toEqual([{ name: 'drawbridge-office', gateway: '203.0.113.1' }]);
    expect(wayOf(text)).toEqual({
      gateway: '203.0.113.1',
      routes: ['10.99.0.0/24'],
      dns: ['10.99.0.53'],
    });
    expect(wayOf(diallerConfig({ ...profile, routes: 'all', dns: [] }))).toMatchObject({
      routes: 'all',
      dns: [],
    });
  });

  test('the options quote what the user is called and knows, and keep it where nothing new is said', () => {
    const text = pppOptions(profile, []);
    expect(text).toContain('\npassword " p\\"a\\\\ss"\n');
    expect(text).toContain('\nmtu 1280\nmru 1280\n');
    expect(text).toContain('\nlinkname drawbridge-office\n');
    const kept = keptLines(text);
    expect(pppOptions({ ...profile, user: null }, kept)).toBe(text);
    expect(pppOptions({ ...profile, user: { name: 'alice', password: null } }, kept)).toBe(text);
    expect(pppOptions({ ...profile, user: { name: 'bob', password: null } }, kept)).not.toContain('password');
  });
});

test('ipsec.conf is read back as an L2TP connection in Libreswan’s words', () => {
  const text = ipsecConfig(profile);
  expect(parseIpsecConf([text])).toMatchObject([
    { name: 'drawbridge-office', peer: '203.0.113.1', auth: 'psk' },
  ]);
  expect(text).toContain('ike=aes256-sha2_256;modp2048\n');
  expect(text).toContain('esp=aes256-sha2_256\n');
  // A port that is yet to be known would make it a template, which cannot be dialled.
  expect(text).toContain('leftprotoport=17/0\n');
});

test('Libreswan exchanges keys anew in phase 2 only where a suite for it names a group', () => {
  const withEsp = (esp: string) => ipsecConfig({ ...profile, suites: { ike: [], esp: [esp] } });
  expect(ipsecConfig(profile)).toContain('pfs=no\n');
  expect(withEsp('aes256-sha256-ecp256')).toContain('pfs=yes\n');
});

describe('Libreswan’s pre-shared keys', () => {
  test('are listed with whom they are for', () => {
    const listed = `000${' '}
000 List of Pre-shared secrets (from /etc/ipsec.secrets)
000${' '}
000     1: PSK 203.0.113.1 %any
000     3: PSK
000    12: PSK @gw 203.0.113.10
000     4: RSA (none) (none)
`;
    expect(parsePsks(listed)).toEqual([['203.0.113.1', '%any'], [], ['@gw', '203.0.113.10']]);
  });

  test('a key for the gateway suits it as well as ours, and one for this end; one for anybody does not', () => {
    const ends = { gateways: ['203.0.113.1'], locals: ['203.0.113.10'] };
    const suits = (...identities: string[]) => suitsAsWell(identities, ends);
    expect([suits('%any', '203.0.113.1'), suits('203.0.113.10', '203.0.113.1')]).toEqual([true, true]);
    expect([suits('203.0.113.10'), suits('203.0.113.10', '%any')]).toEqual([true, true]);
    expect([suits(), suits('%any', '%any'), suits('203.0.113.10', '192.0.2.1')]).toEqual([
      false,
      false,
      false,
    ]);
  });
});

test('what pluto says of a connection that does not come up', () => {
  const said = (...lines: string[]) =>
    plutoReason({ stdout: ['002 "office" #1: initiating', ...lines].join('\n') });
  const late = (state: string) =>
    `031 "office" #1: ${state}: 15 second timeout exceeded after 5 retransmits.  `;
  const encrypted = 'Possible authentication failure: no acceptable response to our first encrypted message';
  expect(said(late('STATE_MAIN_I3') + encrypted)).toBe('the pre-shared key is probably wrong');
  const first = 'No response (or no acceptable response) to our first IKEv1 message';
  expect(said(late('STATE_MAIN_I1') + first)).toBe('the gateway does not answer');
  expect(said('025 "office" #1: something else')).toBe('"office" #1: something else');
  expect(said()).toBe(null);
});

test('files are as wanted only with the same content and rights', () => {
  const wanted = [
    { path: '/a', content: 'x', mode: 0o600 },
    { path: '/b', content: null, mode: 0o600 },
  ];
  const was = { base64: Buffer.from('x').toString('base64'), mode: 0o600 };
  const found = [
    { path: '/a', was },
    { path: '/b', was: null },
  ];
  expect(isAsWanted(wanted, found)).toBe(true);
  expect(isAsWanted(wanted, [{ path: '/a', was: { ...was, mode: 0o644 } }])).toBe(false);
  expect(isAsWanted(wanted, [...found.slice(0, 1), { path: '/b', was }])).toBe(false);
  expect(isAsWanted(wanted, [{ path: '/a', was: null }])).toBe(false);
});
