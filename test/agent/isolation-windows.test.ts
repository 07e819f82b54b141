import fc from 'fast-check';
import { parseIp } from 'ip-bigint';
import { beforeEach, describe, expect, test } from 'vitest';
import { isolationRules } from '../../src/agent/vpn/isolation-windows-rules.ts';
import { windowsIsolation } from '../../src/agent/vpn/isolation-windows.ts';
import type { Isolation, Reachable } from '../../src/agent/vpn/isolation.ts';
import type { Blocking } from '../../src/agent/vpn/windows-firewall.ts';
import { failed, windowsMachine } from './vpn-windows-machine.ts';

const REACH: Reachable[] = [
  { address: '198.51.100.10', protocol: 'tcp', port: 8443 },
  { address: '2001:db8::10', protocol: 'tcp', port: 8443 },
  { address: '198.51.100.53', protocol: 'udp', port: 53 },
  { address: '198.51.100.53', protocol: 'tcp', port: 53 },
  { address: 'fe80::1', protocol: 'udp', port: 53 },
  { address: '198.51.100.77', protocol: 'any' },
];

type Packet = { direction: 1 | 2; protocol: number; remote: string; remotePort: number; localPort: number };

/** Whether Windows would block it: what a rule leaves out means any. */
function isBlocked(rules: readonly Blocking[], packet: Packet): boolean {
  return rules.some(
    (rule) =>
      rule.direction === packet.direction &&
      (rule.protocol === 256 || rule.protocol === packet.protocol) &&
      holds(rule.remoteAddresses, parseIp(packet.remote).number, packet.remote.includes(':')) &&
      holdsPort(rule.remotePorts, packet.remotePort) &&
      holdsPort(rule.localPorts, packet.localPort),
  );
}

function holds(list: string | undefined, address: bigint, v6: boolean): boolean {
  if (list === undefined) return true;
  return list.split(',').some((range) => {
    const [first = '', last = first] = range.split('-');
    return (
      range !== '' &&
      range.includes(':') === v6 &&
      parseIp(first).number <= address &&
      address <= parseIp(last).number
    );
  });
}

function holdsPort(list: string | undefined, port: number): boolean {
  if (list === undefined) return true;
  return list.split(',').some((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return first <= port && port <= last;
  });
}

const near = [
  '198.51.100.9',
  '198.51.100.10',
  '198.51.100.11',
  '198.51.100.53',
  '198.51.100.77',
  '255.255.255.255',
];
const addresses = fc.oneof(
  fc.constantFrom(...near, '2001:db8::10', '2001:db8::11', 'fe80::1', 'fe80::2', 'ff02::1:2', '1.0.0.0'),
  fc.ipV4().filter((one) => !/^(?:0|127)\./.test(one)),
);
const packets = fc.record({
  direction: fc.constantFrom(1 as const, 2 as const),
  protocol: fc.constantFrom(6, 17),
  remote: addresses,
  remotePort: fc.constantFrom(53, 67, 443, 500, 547, 1_701, 4_500, 8_443, 65_535),
  localPort: fc.constantFrom(22, 68, 546, 3_389, 50_000),
});

/** The same in plain words. */
function shouldPass({ direction, protocol, remote, remotePort, localPort }: Packet): boolean {
  const name = protocol === 6 ? 'tcp' : 'udp';
  if (REACH.some((one) => one.protocol === 'any' && one.address === remote)) return true;
  if (direction === 1) return name === 'udp' && [68, 546].includes(localPort);
  if (REACH.some((one) => one.protocol === name && one.address === remote && one.port === remotePort))
    return true;
  const isNear = remote === '255.255.255.255' || /^f(?:e80|f02):/.test(remote);
  return isNear && remote !== 'fe80::1' && name === 'udp' && [67, 547].includes(remotePort);
}

describe('the rules', () => {
  test('block everything but what is named, in both directions', () => {
    const rules = isolationRules(REACH);
    fc.assert(
      fc.property(packets, (packet) => isBlocked(rules, packet) !== shouldPass(packet)),
      { numRuns: 3_000 },
    );
  });

  test('of other protocols nothing goes out but to hosts that are named whole', () => {
    const rules = isolationRules(REACH);
    const out = (protocol: number, remote: string) =>
      isBlocked(rules, { direction: 2, protocol, remote, remotePort: 0, localPort: 0 });
    for (const protocol of [1, 4, 41, 47, 50, 132]) expect(out(protocol, '203.0.113.1')).toBe(true);
    expect(out(58, '2001:db8::99')).toBe(true);
    expect(out(1, '198.51.100.77')).toBe(false);
    // Neighbour discovery.
    expect(out(58, 'fe80::2')).toBe(false);
  });

  test('with nobody to reach, a rule for everybody', () => {
    expect(isolationRules([])[0]?.remoteAddresses).toBe(
      '1.0.0.0-126.255.255.255,128.0.0.0-255.255.255.254,::2-fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff,' +
        'fec0::-feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
    );
  });
});

describe('a Windows machine', () => {
  let pc: ReturnType<typeof windowsMachine>;
  let isolation: Isolation;

  beforeEach(() => {
    pc = windowsMachine();
    let generation = 0;
    isolation = windowsIsolation(pc.host, () => `g${(generation += 1)}`);
  });

  test('isolated, seen, changed, lifted; one process each', async () => {
    expect(await isolation.inspect()).toEqual({ state: 'none', reach: [], problems: [] });
    const seen = await isolation.apply({ reach: REACH });
    expect(seen).toMatchObject({ state: 'isolated', problems: [] });
    expect(seen.reach).toHaveLength(REACH.length);
    expect((await isolation.apply({ reach: REACH.slice(0, 1) })).reach).toEqual(REACH.slice(0, 1));
    expect(pc.state.rules.every(({ name }) => name.includes(' g2 '))).toBe(true);
    expect(await isolation.lift()).toEqual({ state: 'none', reach: [], problems: [] });
    expect(pc.state.scripts).toHaveLength(4);
  });

  test('the VPN’s own block is another group and stays', async () => {
    pc.state.rules = [{ name: 'Drawbridge VPN g 1/1', group: 'Drawbridge VPN', direction: 2, protocol: 17 }];
    await isolation.apply({ reach: [] });
    await isolation.lift();
    expect(pc.state.rules.map(({ name }) => name)).toEqual(['Drawbridge VPN g 1/1']);
  });

  test('a firewall that was off is turned on, and off again afterwards', async () => {
    pc.state.firewallOn = [true, true, false];
    await isolation.apply({ reach: REACH });
    expect((await isolation.apply({ reach: REACH })).state).toBe('isolated');
    expect(pc.state.firewallOn).toEqual([true, true, true]);
    await isolation.lift();
    expect(pc.state.firewallOn).toEqual([true, true, false]);
  });

  test('a rule that somebody took away or switched off is seen', async () => {
    await isolation.apply({ reach: REACH });
    pc.state.disabled.add(pc.state.rules[2]?.name ?? '');
    expect((await isolation.inspect()).state).toBe('unknown');
    pc.state.rules.splice(2, 1);
    expect((await isolation.inspect()).state).toBe('unknown');
  });

  test.each([
    ['Group Policy outranks', () => (pc.state.modifyState = 1), 'Group Policy'],
    ['a rule is refused', () => pc.state.broken.set('blocked', failed('ArgumentException')), 'blocked:'],
    ['nothing is seen', () => pc.state.broken.set('firewall', failed('COMException')), 'Windows Firewall:'],
  ])('where %s it is no success', async (_why, spoil, said) => {
    spoil();
    await expect(isolation.apply({ reach: REACH })).rejects.toThrow(said);
  });

  test('more than the rules can name is refused before anything is touched', async () => {
    const reach = Array.from({ length: 256 }, (_, index) => ({
      address: `2001:db8:1111:2222:3333:4444:5555:${(4_096 + index).toString(16)}`,
      protocol: 'any' as const,
    }));
    await expect(isolation.apply({ reach })).rejects.toMatchObject({ status: 400 });
    expect(pc.state.scripts).toEqual([]);
  });
});
