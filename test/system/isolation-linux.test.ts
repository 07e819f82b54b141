import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { linuxIsolation } from '../../src/agent/vpn/isolation-linux.ts';
import { TABLE } from '../../src/agent/vpn/isolation-nft.ts';
import { IsolationFailure, type Isolation, type IsolationWant } from '../../src/agent/vpn/isolation.ts';
import { nft } from '../../src/base/commands.ts';
import { canIsolate, hostInside, inside, ipLines, startPeer, type Peer } from '../support/namespaces.ts';

/** A container behind the laptop, the laptop, and the world on the other side of its network card. */
const [container, laptop, world] = ['c', 'l', 'w'].map((end) => `dbiso-${process.pid}-${end}`) as [
  string,
  string,
  string,
];

const SERVER = '198.51.100.10';
const SERVER6 = '2001:db8:1::10';
const RESOLVER = '198.51.100.53';
const HELPDESK = '198.51.100.77';
const OTHER = '198.51.100.20';
const OTHER6 = '2001:db8:1::20';
const LAPTOP = '198.51.100.2';
const LAPTOP6 = '2001:db8:1::2';
const PORT = 8443;

const WANT: IsolationWant = {
  reach: [
    { address: SERVER, protocol: 'tcp', port: PORT },
    { address: SERVER6, protocol: 'tcp', port: PORT },
    { address: RESOLVER, protocol: 'udp', port: 53 },
    { address: HELPDESK, protocol: 'any' },
  ],
};

/** Long for what has to work on a busy machine; short for what must not, since all of it is waited for. */
const WORKS = 20_000;
const NOT = 700;

const FOREIGN = `table inet filter {
  set admins { type ipv4_addr; elements = { 198.51.100.20, 198.51.100.21 } }
  chain input {
    type filter hook input priority -400; policy accept;
    ip saddr @admins accept comment "let the administrators in"
  }
  chain output { type filter hook output priority -400; policy accept; counter accept; }
}
table ip nat {
  chain post { type nat hook postrouting priority 100; oifname "wan" masquerade; }
}
`;

const isAllowed = canIsolate();

describe.runIf(isAllowed)('a laptop in a network namespace (needs root and nftables)', () => {
  let isolation: Isolation;
  let here: Peer;
  let there: Peer;
  let behind: Peer;

  beforeAll(async () => {
    ipLines(topology());
    inside(laptop, ['/usr/sbin/sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    [here, there, behind] = [laptop, world, container].map(startPeer) as [Peer, Peer, Peer];
    await Promise.all([
      there.ask({ do: 'listen', port: PORT }),
      there.ask({ do: 'listen', port: 22 }),
      ...[SERVER, RESOLVER, OTHER].map((address) => there.ask({ do: 'answer-udp', address, port: 53 })),
      ...[OTHER, HELPDESK].map((address) => there.ask({ do: 'answer-udp', address, port: 500 })),
      there.ask({ do: 'answer-udp', address: OTHER, port: 67 }),
      here.ask({ do: 'listen', port: 22 }),
    ]);
    isolation = linuxIsolation(hostInside(laptop));
  });

  afterAll(() => {
    for (const peer of [here, there, behind]) peer?.stop();
    ipLines([container, laptop, world].map((name) => `netns del ${name}`));
  });

  beforeEach(() => {
    inside(laptop, [nft.path, '-f', '-'], `flush ruleset\n${FOREIGN}`);
    inside(world, [nft.path, '-f', '-'], `flush ruleset\n${counters()}`);
  });

  const reaches = (address: string, port: number, ms: number, from = here) =>
    from.ask({ do: 'connect', as: `${address} ${port}`, address, port, ms });
  const echoes = (address: string, port: number, ms: number) =>
    here.ask({ do: 'echo', as: `${address} ${port}`, ms });
  const asks = (address: string, port: number, ms: number, from = 0) =>
    here.ask({ do: 'udp', address, port, from, ms });

  test('the posture server stays reachable over IPv4 and IPv6, on its port alone', async () => {
    expect(await reaches(SERVER, 22, WORKS)).toBe(true);
    const seen = await isolation.apply(WANT);
    expect(seen).toMatchObject({ state: 'isolated', problems: [] });
    expect(await reaches(SERVER, PORT, WORKS)).toBe(true);
    expect(await reaches(SERVER6, PORT, WORKS)).toBe(true);
    expect(await reaches(SERVER, 22, NOT)).toBe(false);
  });

  test('connections that stood are cut, to the server alone they go on; lifted, all go on', async () => {
    for (const address of [SERVER, OTHER, OTHER6]) {
      expect(await reaches(address, PORT, WORKS)).toBe(true);
      expect(await echoes(address, PORT, WORKS)).toBe(true);
    }
    await isolation.apply(WANT);
    expect(await echoes(OTHER, PORT, NOT)).toBe(false);
    expect(await echoes(OTHER6, PORT, NOT)).toBe(false);
    expect(await echoes(SERVER, PORT, WORKS)).toBe(true);
    await isolation.lift();
    expect(await echoes(OTHER, PORT, WORKS)).toBe(true);
    expect(await echoes(OTHER6, PORT, WORKS)).toBe(true);
  });

  test('nothing leaves towards anybody else: not a packet of TCP, UDP, ping or IKE arrives', async () => {
    expect(await asks(OTHER, 500, WORKS)).toBe(true);
    expect(pings(OTHER6)).toBe(true);
    expect(packets()).toBeGreaterThan(0);
    await isolation.apply(WANT);
    const before = packets();
    const tried = await Promise.all([
      reaches(OTHER, PORT, NOT),
      reaches(OTHER6, PORT, NOT),
      asks(OTHER, 500, NOT),
      asks(OTHER, 53, NOT),
      asks(OTHER, 67, NOT),
      pings(OTHER),
      pings(OTHER6),
    ]);
    expect(tried).toEqual(tried.map(() => false));
    expect(packets()).toBe(before);
  });

  test('nobody gets in, not even past a foreign rule that lets them in; who is named does', async () => {
    const knock = (from: string, to: string, ms: number) => {
      inside(world, [nft.path, '-f', '-'], sourceNat(from));
      return reaches(to, 22, ms, there);
    };
    expect(await knock(OTHER, LAPTOP, WORKS)).toBe(true);
    await isolation.apply(WANT);
    expect(await knock(OTHER, LAPTOP, NOT)).toBe(false);
    expect(await reaches(LAPTOP6, 22, NOT, there)).toBe(false);
    // The server answers; it does not call.
    expect(await knock(SERVER, LAPTOP, NOT)).toBe(false);
    expect(await knock(HELPDESK, LAPTOP, WORKS)).toBe(true);
    expect(await reaches(HELPDESK, 22, WORKS)).toBe(true);
    expect(await asks(HELPDESK, 500, WORKS)).toBe(true);
  });

  test('DNS goes to the resolver that is named, DHCP from its own port, loopback always', async () => {
    await isolation.apply(WANT);
    expect(await asks(RESOLVER, 53, WORKS)).toBe(true);
    expect(await asks(SERVER, 53, NOT)).toBe(false);
    expect(await asks(OTHER, 67, WORKS, 68)).toBe(true);
    expect(await asks(OTHER, 67, NOT, 4_000)).toBe(false);
    expect(await reaches('127.0.0.1', 22, WORKS)).toBe(true);
    expect(await reaches('::1', 22, WORKS)).toBe(true);
  });

  test('a container behind the laptop is cut off as well, from the server too', async () => {
    expect(await reaches(SERVER, PORT, WORKS, behind)).toBe(true);
    await isolation.apply(WANT);
    expect(await reaches(SERVER, PORT, NOT, behind)).toBe(false);
  });

  test('lifting leaves the rules as they were, to the byte and to the handle', async () => {
    const before = rulesOf(laptop);
    expect(before).toContain('let the administrators in');
    await isolation.apply(WANT);
    await isolation.apply({ reach: WANT.reach.slice(0, 1) });
    expect(rulesOf(laptop).startsWith(before)).toBe(true);
    await isolation.lift();
    expect(rulesOf(laptop)).toBe(before);
    expect(await isolation.lift()).toEqual({ state: 'none', reach: [], problems: [] });
  });

  test('inspect looks: it sees what is in force, what was changed, and what is gone', async () => {
    const changed = async (rule: string) => {
      await isolation.apply(WANT);
      inside(laptop, [nft.path, '-f', '-'], `${rule}\n`);
      return isolation.inspect();
    };
    expect((await isolation.inspect()).state).toBe('none');
    await isolation.apply(WANT);
    expect((await isolation.inspect()).reach).toHaveLength(WANT.reach.length);
    expect(await changed(`add rule inet ${TABLE} output accept`)).toMatchObject({ state: 'unknown' });
    expect(await changed(`add table inet ${TABLE} { flags dormant; }`)).toMatchObject({ state: 'unknown' });
    expect(await changed(`add chain inet ${TABLE} input { policy accept; }`)).toMatchObject({
      state: 'unknown',
    });
    expect(
      await changed(
        `insert rule inet ${TABLE} output ip daddr 10.0.0.0/8 accept comment "drawbridge: reachable"`,
      ),
    ).toMatchObject({ state: 'unknown' });
    expect(await changed('flush ruleset')).toMatchObject({ state: 'none' });
    await isolation.apply(WANT);
    expect(await isolation.inspect()).toMatchObject({ state: 'isolated', problems: [] });
  });

  test('whatever comes as an address that is none is refused, and no rule changes', async () => {
    const before = rulesOf(laptop);
    const hostile = ['0.0.0.0/0', '198.51.100.10; flush ruleset', 'fe80::1%wan', '@admins', 'localhost', ''];
    for (const address of hostile) {
      const want = { reach: [{ address, protocol: 'any' as const }] };
      await expect(isolation.apply(want)).rejects.toMatchObject({ status: 400, seen: null });
    }
    expect(rulesOf(laptop)).toBe(before);
  });

  test('rules that the kernel refuses leave the ones in force alone, and the failure says what was seen', async () => {
    await isolation.apply(WANT);
    const before = rulesOf(laptop);
    const deaf: Isolation = linuxIsolation({
      run: (command, argv, options = {}) =>
        hostInside(laptop).run(command, argv, {
          ...options,
          ...(options.stdin === undefined ? {} : { stdin: `${options.stdin}nonsense` }),
        }),
    });
    const failure = await deaf.apply({ reach: [] }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(IsolationFailure);
    expect(failure).toMatchObject({ status: 500, seen: { state: 'isolated' } });
    expect(rulesOf(laptop)).toBe(before);
  });
});

function topology(): string[] {
  const address = (namespace: string, device: string, ...addresses: string[]) =>
    addresses.map(
      (one) => `-n ${namespace} addr add ${one} dev ${device}${one.includes(':') ? ' nodad' : ''}`,
    );
  const all = [container, laptop, world];
  return [
    ...all.map((name) => `netns add ${name}`),
    `link add wan netns ${laptop} type veth peer name lan netns ${world}`,
    `link add docker0 netns ${laptop} type veth peer name eth0 netns ${container}`,
    ...address(laptop, 'wan', `${LAPTOP}/24`, `${LAPTOP6}/64`),
    ...address(laptop, 'docker0', '10.9.0.1/24'),
    ...address(container, 'eth0', '10.9.0.2/24'),
    ...address(world, 'lan', ...[SERVER, RESOLVER, HELPDESK, OTHER].map((one) => `${one}/24`)),
    ...address(world, 'lan', `${SERVER6}/64`, `${OTHER6}/64`),
    ...all.map((name) => `-n ${name} link set lo up`),
    `-n ${laptop} link set wan up`,
    `-n ${laptop} link set docker0 up`,
    `-n ${world} link set lan up`,
    `-n ${container} link set eth0 up`,
    `-n ${container} route add default via 10.9.0.1`,
  ];
}

/** Counts what arrives in the world for the host that nobody named, before anything else looks at it. */
function counters(): string {
  return `table inet seen {
    counter other { }
    chain arriving {
      type filter hook prerouting priority -300;
      ip daddr ${OTHER} counter name other
      ip6 daddr ${OTHER6} meta l4proto != ipv6-icmp counter name other
      ip6 daddr ${OTHER6} icmpv6 type echo-request counter name other
    }
  }\n`;
}

function packets(): number {
  const listed = inside(world, [nft.path, 'list', 'counter', 'inet', 'seen', 'other']);
  return Number(/packets (\d+)/.exec(listed)?.[1]);
}

/** The world's connections to the laptop come from this address. */
function sourceNat(address: string): string {
  return `table ip from { }
    delete table ip from
    table ip from {
      chain out { type nat hook postrouting priority 100; oifname "lan" tcp dport 22 snat to ${address}; }
    }\n`;
}

function pings(address: string): boolean {
  try {
    inside(laptop, ['/usr/bin/ping', '-n', '-c', '1', '-W', '1', address]);
    return true;
  } catch {
    return false;
  }
}

/** The rules with their handles, without counters. */
function rulesOf(namespace: string): string {
  return inside(namespace, [nft.path, '-s', '-a', 'list', 'ruleset']);
}
