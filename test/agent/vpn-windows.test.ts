import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { VpnDriver, VpnFailure } from '../../src/agent/vpn/driver.ts';
import { windowsVpn } from '../../src/agent/vpn/windows.ts';
import type { VpnProfile } from '../../src/wire/vpn.ts';
import { makeTls } from './certificates.ts';
import { bookEntry, connection, failed, windowsMachine } from './vpn-windows-machine.ts';

const SECRET = "a key, “quoted” and '@ and $(evil)";
const office: VpnProfile = {
  name: 'Office Zürich',
  gateway: 'vpn.example.net',
  machine: { kind: 'psk', psk: SECRET },
  user: null,
  suites: { ike: ['aes256-sha256-modp2048'], esp: ['aes256-sha256'] },
  routes: ['10.20.0.0/16'],
  dns: [],
  mtu: null,
};

let folder: string;
let pc: ReturnType<typeof windowsMachine>;
let vpn: VpnDriver;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-windows-'));
  pc = windowsMachine();
  pc.state.connections = [
    connection('Company', '198.51.100.7'),
    connection('Cloud', 'ike.example.net', { TunnelType: 'Ikev2', L2tpIPsecAuth: null }),
  ];
  pc.state.book = bookEntry('Company', '198.51.100.7');
  pc.state.sessions = [{ name: 'Company', up: true, addresses: ['10.8.0.2'] }];
  let generation = 0;
  vpn = windowsVpn({
    host: pc.host,
    stateFolder: folder,
    log: pino({ level: 'silent' }),
    generation: () => `g${(generation += 1)}`,
    replaceFile: async (_path, content) => {
      pc.state.book = Buffer.from(content).toString('utf8');
    },
  });
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const failureOf = (action: Promise<unknown>) =>
  action.then(() => null).catch((error: unknown) => error as VpnFailure);

describe('what is there', () => {
  test('live connections and their addresses; other kinds of VPN are not ours', async () => {
    const seen = await vpn.inspect();
    expect(seen).toMatchObject({ block: 'none', interfaces: ['Company'], problems: [] });
    expect(seen.profiles.map(({ name, state, address }) => ({ name, state, address }))).toEqual([
      { name: 'Company', state: 'up', address: '10.8.0.2' },
    ]);
  });

  test('a PowerShell that does not answer leaves everything unknown, with the reason', async () => {
    pc.state.powershell = { stdout: '', stderr: '', code: null, failure: 'timeout' };
    const seen = await vpn.inspect();
    expect(seen.block).toBe('unknown');
    expect(seen.problems.join()).toContain('PowerShell:timeout');
  });

  test('what device management owns is said to be its', async () => {
    pc.state.managed = ['Company'];
    expect((await vpn.inspect()).profiles[0]).toMatchObject({ name: 'Company', scope: 'managed' });
  });
});

describe('denied', () => {
  test('the block comes first, then the live session, then it is hung up; one process', async () => {
    const seen = await vpn.apply({ state: 'denied', profiles: null });
    expect(seen).toMatchObject({ block: 'holding', interfaces: [], problems: [] });
    expect(seen.profiles[0]).toMatchObject({ name: 'Company', state: 'denied' });
    expect(pc.state.scripts).toHaveLength(1);
    expect(pc.events.at(0)).toBe('block Drawbridge VPN g1 1/6');
    expect(pc.events.indexOf('hang up Company')).toBe(pc.events.length - 1);
    expect(pc.events.filter((event) => event.includes('session'))).toHaveLength(2);
  });

  test('the first step asks nothing of the VPN software or the network', async () => {
    await vpn.apply({ state: 'denied', profiles: null });
    const { script } = pc.state.scripts[0] ?? { script: '' };
    const before = script.slice(0, script.indexOf("probe 'block'"));
    expect(before).not.toMatch(/^(?:probe|Get-|hangUp|sessions)\b/m);
    expect(script.indexOf("probe 'block'")).toBeLessThan(script.indexOf("probe 'gateways'"));
    expect(script.indexOf("probe 'gateways'")).toBeLessThan(script.indexOf("probe 'hungUp'"));
  });

  test('all of L2TP goes, an IKEv2 connection elsewhere stays', async () => {
    await vpn.apply({ state: 'denied', profiles: null });
    const addresses = pc.state.rules.flatMap((rule) => [
      rule['remoteAddresses'] ?? 'any',
      rule['remotePorts'] ?? 'any',
    ]);
    expect(pc.state.rules[0]).toMatchObject({ direction: 2, protocol: 17, remotePorts: '1701' });
    expect(addresses.join()).not.toContain('ike.example.net');
    expect(pc.events.join()).not.toContain('Cloud');
  });

  test('gateways that are known by name are blocked at each of their addresses', async () => {
    pc.state.book += bookEntry('Branch', 'branch.example.net');
    pc.state.connections.push(connection('Branch', 'branch.example.net'));
    pc.state.hosts = { 'branch.example.net': ['203.0.113.9'] };
    const seen = await vpn.apply({ state: 'denied', profiles: null });
    expect(seen).toMatchObject({ block: 'holding', problems: [] });
    expect(pc.state.rules.filter((rule) => rule['remoteAddresses'] === '203.0.113.9')).toHaveLength(4);
    pc.state.rules.splice(
      pc.state.rules.findIndex((rule) => rule['remoteAddresses'] === '203.0.113.9'),
      1,
    );
    expect((await vpn.inspect()).block).toBe('none');
  });

  test('one profile alone: another goes on', async () => {
    pc.state.connections.push(connection('Branch', 'branch.example.net'));
    pc.state.book += bookEntry('Branch', 'branch.example.net');
    pc.state.hosts = { 'branch.example.net': ['203.0.113.9', '2001:db8::9'] };
    pc.state.sessions.push({ name: 'Branch', up: true, addresses: ['10.9.0.2'] });
    const seen = await vpn.apply({ state: 'denied', profiles: ['Branch'] });
    expect(seen.interfaces).toEqual(['Company']);
    expect(pc.state.rules.every((rule) => JSON.stringify(rule).includes('198.51.100.7'))).toBe(false);
    expect(pc.state.rules.some((rule) => rule['remoteAddresses'] === '203.0.113.9,2001:db8::9')).toBe(true);
  });

  test('a person’s own connection turns up on the way and is cut in a second round', async () => {
    const user = 'S-1-5-21-1-2-3-1001';
    pc.state.people = [{ user, text: bookEntry('Home', '203.0.113.77') }];
    pc.state.sessions.push({ name: 'Home', up: true, addresses: ['10.7.0.2'] });
    const seen = await vpn.apply({ state: 'denied', profiles: null });
    expect(seen.interfaces).toEqual([]);
    expect(pc.state.scripts).toHaveLength(2);
    expect(pc.state.rules.some((rule) => String(rule['remoteAddresses']).includes('203.0.113.77'))).toBe(
      true,
    );
    expect(pc.state.rules.every(({ name }) => name.includes(' g2 '))).toBe(true);
  });

  test('twice is once: the new rules stand before the old ones go', async () => {
    await vpn.apply({ state: 'denied', profiles: null });
    const seen = await vpn.apply({ state: 'denied', profiles: null });
    expect(seen.block).toBe('holding');
    expect(pc.state.rules.every(({ name }) => name.includes(' g2 '))).toBe(true);
  });

  test('a session that does not end is a failure that says so', async () => {
    pc.state.stubborn.add('Company');
    const failure = await failureOf(vpn.apply({ state: 'denied', profiles: null }));
    expect(failure).toMatchObject({ status: 500, seen: { block: 'holding', interfaces: ['Company'] } });
    expect(failure?.message).toContain('Company is still connected');
  });

  test.each([
    [
      'the firewall is off',
      () => (pc.state.firewallOn[2] = false),
      'Windows Firewall is off for public networks',
    ],
    ['Group Policy overrides', () => (pc.state.modifyState = 1), 'Group Policy'],
    [
      'the rules cannot be added',
      () => pc.state.broken.set('block', failed('UnauthorizedAccessException')),
      'block:',
    ],
    [
      'nothing can be seen',
      () => pc.state.broken.set('firewall', failed('COMException')),
      'Windows Firewall:',
    ],
  ])('where %s the session ends all the same, and it is no success', async (_why, spoil, said) => {
    spoil();
    const failure = await failureOf(vpn.apply({ state: 'denied', profiles: null }));
    expect(failure?.status).toBe(500);
    expect(failure?.message).toContain(said);
    expect(pc.events).toContain('hang up Company');
  });

  test('a profile that is not there is not found, and leaves no block', async () => {
    expect(await failureOf(vpn.apply({ state: 'denied', profiles: ['Gone'] }))).toMatchObject({
      status: 404,
    });
    expect(pc.state.rules).toEqual([]);
  });

  test('a gateway without an address cannot be blocked by itself, which is said', async () => {
    pc.state.book += bookEntry('Branch', 'branch.example.net');
    const failure = await failureOf(vpn.apply({ state: 'denied', profiles: ['Branch'] }));
    expect(failure?.message).toContain('branch.example.net has no address');
  });

  test('names that rasdial would take for something else are not handed to it', async () => {
    pc.state.book +=
      bookEntry('x" /PHONEBOOK:c:\\evil.pbk', '203.0.113.9') + bookEntry('/DISCONNECT', '203.0.113.9');
    await vpn.apply({ state: 'denied', profiles: null });
    expect(pc.events.filter((event) => event.startsWith('hang up'))).toEqual(['hang up Company']);
  });
});

describe('the block is looked at, not remembered', () => {
  beforeEach(() => vpn.apply({ state: 'denied', profiles: null }));

  test('one rule less is no block', async () => {
    pc.state.rules.splice(1, 1);
    expect(await vpn.inspect()).toMatchObject({ block: 'none', problems: [expect.stringContaining('gone')] });
  });

  test('a rule that was switched off is no block', async () => {
    pc.state.disabled.add(pc.state.rules[0]?.name ?? '');
    expect((await vpn.inspect()).block).toBe('none');
  });

  test('allowed takes every rule of ours', async () => {
    const seen = await vpn.apply({ state: 'allowed' });
    expect(seen).toMatchObject({ block: 'none', problems: [] });
    expect(seen.profiles[0]?.state).toBe('down');
    expect(pc.state.rules).toEqual([]);
    expect(await vpn.apply({ state: 'allowed' })).toMatchObject({ block: 'none' });
  });

  test('rules that stay are a failure', async () => {
    pc.state.broken.set('lifted', failed('UnauthorizedAccessException'));
    expect(await failureOf(vpn.apply({ state: 'allowed' }))).toMatchObject({
      status: 500,
      seen: { block: 'holding' },
    });
  });
});

describe('set', () => {
  const set = (change: Partial<VpnProfile> = {}, up = false) =>
    vpn.apply({ state: 'set', profile: { ...office, ...change }, up });

  test('a connection as described, and dialled', async () => {
    const seen = await set({}, true);
    expect(seen.profiles.find(({ name }) => name === office.name)).toMatchObject({
      gateway: 'vpn.example.net',
      auth: 'psk',
      allTraffic: false,
      state: 'up',
      suites: ['aes256-sha256-group14', 'aes256-sha256128'],
    });
    expect(pc.events).toEqual(['set Office Zürich', 'dial Office Zürich']);
  });

  test('one that is up goes down before it is changed', async () => {
    await set({ name: 'Company' });
    expect(pc.events).toEqual(['hang up Company', 'set Company']);
  });

  test('the secret is data: in no script, no argument, and in ASCII on one line', async () => {
    await set();
    const [{ script, told, argv } = { script: '', told: '', argv: [] }] = pc.state.scripts;
    expect(script).not.toContain('evil');
    expect(argv.join(' ')).not.toContain('evil');
    expect(JSON.parse(told)).toMatchObject({ psk: SECRET });
    expect(told).toMatch(/^[\x20-\x7e]+$/);
  });

  test('what device management owns is refused, and untouched', async () => {
    pc.state.managed = [office.name];
    expect(await failureOf(set())).toMatchObject({ status: 403 });
    pc.state.managed = [];
    pc.state.broken.set('managed', failed('HRESULT 0x80041003,Get-CimInstance'));
    expect(await failureOf(set())).toMatchObject({ status: 500 });
    expect(pc.events).toEqual([]);
  });

  test('without device management on this edition, nothing is managed', async () => {
    pc.state.broken.set(
      'managed',
      failed('HRESULT 0x8004100e,Microsoft.Management.Infrastructure.CimCmdlets'),
    );
    await set();
    expect(pc.events).toEqual(['set Office Zürich']);
  });

  test.each([
    [{ user: { name: 'ada', password: null } }, 'leave user out'],
    [{ dns: ['10.0.0.53'] }, 'leave dns empty'],
    [{ mtu: 1_300 }, 'leave mtu out'],
    [{ suites: { ike: ['aes256-sha512-x25519'], esp: ['aes256-sha256'] } }, 'one proposal'],
    [{ suites: { ike: ['aes256-sha256-modp2048'], esp: [] } }, 'both or neither'],
  ])('what Windows cannot be told is refused before anything is touched: %j', async (change, said) => {
    const failure = await failureOf(set(change));
    expect(failure).toMatchObject({ status: 501, message: expect.stringContaining(said) });
    expect(pc.state.scripts).toEqual([]);
  });

  test('a dial that fails names the error by its number, and the change stands', async () => {
    pc.state.dialCode = 789;
    const failure = await failureOf(set({}, true));
    expect(failure?.message).toContain('RAS error 789 (IPsec failed');
    expect(pc.state.connections.some(({ Name }) => Name === office.name)).toBe(true);
  });

  test('a change that fails half-way is undone: the entry is as before, whatever else was written since', async () => {
    const before = pc.state.book;
    pc.state.broken.set('set', failed('CimException'));
    const other = bookEntry('Other', '203.0.113.1');
    const { run } = pc.host;
    pc.host.run = (command, argv, options) => {
      pc.state.book = `${bookEntry('Company', '192.0.2.66')}${other}`;
      return run(command, argv, options);
    };
    expect(await failureOf(set({ name: 'Company' }))).toMatchObject({ status: 500 });
    expect(pc.state.book).toBe(`${before}${other}`);
  });

  test('a crash in the middle is undone at the next start, and only once', async () => {
    const before = pc.state.book;
    pc.host.run = () => {
      pc.state.book += bookEntry(office.name, 'half.example.net');
      throw new Error('power cut');
    };
    await failureOf(set());
    expect(pc.state.book).toContain('half.example.net');
    await vpn.restore();
    expect(pc.state.book).toBe(before);
    pc.state.book += bookEntry(office.name, 'later.example.net');
    await vpn.restore();
    expect(pc.state.book).toContain('later.example.net');
  });

  test('with the device’s own certificate none is looked for by name, and a pre-shared key goes', async () => {
    const machine = { kind: 'device-certificate' as const, authority: null, gatewayId: null };
    const seen = await set({ machine });
    expect(seen.profiles.find(({ name }) => name === office.name)?.auth).toBe('certificate');
    const told = pc.state.scripts.map(({ told: said }) => said).join();
    expect(told).toContain('"byCertificate":true,"thumbprint":null');
    expect(told).not.toContain(SECRET);
  });

  test('a certificate has to be in the computer’s store already', async () => {
    const { cert, ca } = await makeTls();
    const machine = {
      kind: 'certificate' as const,
      authority: ca,
      certificate: cert,
      key: SECRET,
      gatewayId: null,
    };
    expect(await failureOf(set({ machine }))).toMatchObject({ status: 501 });
    pc.state.certificates = [new X509Certificate(cert).fingerprint.replaceAll(':', '')];
    const seen = await set({ machine });
    expect(seen.profiles.find(({ name }) => name === office.name)?.auth).toBe('certificate');
    expect(pc.state.scripts.map(({ told }) => told).join()).not.toContain('evil');
  });
});
