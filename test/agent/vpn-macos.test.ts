import { pino } from 'pino';
import { beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { VpnDriver, VpnFailure } from '../../src/agent/vpn/driver.ts';
import { ANCHOR, macosVpn } from '../../src/agent/vpn/macos.ts';
import { mac, OFFICE, OFFICE_NAME, OLD } from './vpn-macos-machine.ts';

let pc: ReturnType<typeof mac>;
let vpn: VpnDriver;
let hosts: Record<string, string[]>;

beforeEach(() => {
  pc = mac();
  hosts = { 'vpn.example.com': ['198.51.100.7', '2001:db8::7'] };
  let now = 0;
  vpn = macosVpn({
    host: pc.host,
    log: pino({ level: 'silent' }),
    clock: { ...systemClock, monotonic: () => now, sleep: async (ms) => void (now += ms) },
    lookup: async (name) => hosts[name] ?? Promise.reject(new Error('ENOTFOUND')),
  });
});

const rules = () => pc.state.anchors.get(ANCHOR.name) ?? [];
const failureOf = (action: Promise<unknown>) =>
  action.then(() => null).catch((error: unknown) => error as VpnFailure);

describe('what is there', () => {
  test('a live connection, from a configuration profile, without a block', async () => {
    const seen = await vpn.inspect();
    expect(seen).toMatchObject({ block: 'none', interfaces: ['ppp0'], problems: [] });
    expect(seen.profiles[0]).toMatchObject({
      id: OFFICE,
      state: 'up',
      scope: 'managed',
      address: '192.168.77.10',
    });
  });

  test('without pfctl the block is unknown', async () => {
    pc.state.broken = 'denied';
    expect(await vpn.inspect()).toMatchObject({ block: 'unknown', problems: ['pfctl: denied'] });
  });
});

describe('denied', () => {
  test('L2TP as such is cut before anybody is asked; then gateways and the session, then the orderly end', async () => {
    const seen = await vpn.apply({ state: 'denied', profiles: null });
    expect(seen).toMatchObject({ block: 'holding', interfaces: [], problems: [] });
    expect(seen.profiles.map(({ state }) => state)).toEqual(['denied', 'denied']);
    expect(pc.events.slice(0, 4)).toEqual([
      'pf on',
      `load ${ANCHOR.name}`,
      `load ${ANCHOR.name}`,
      `stop ${OFFICE}`,
    ]);
    const text = rules().join('');
    expect(text).toContain('block drop quick proto udp from any to any port 1701');
    expect(text).toContain(`block drop quick on ppp0 all label "dbv`);
    for (const address of ['198.51.100.7', '2001:db8::7'])
      for (const port of [500, 1701, 4500]) expect(text).toContain(`from any to ${address} port ${port} `);
    expect(text).not.toContain('{');
    expect(pc.state.forgotten).toContain('-k 192.168.77.10');
    expect(pc.state.forgotten).toContain('-k 0.0.0.0/0 -k 198.51.100.7');
  });

  test('one profile alone leaves L2TP to others', async () => {
    const seen = await vpn.apply({ state: 'denied', profiles: [OFFICE_NAME] });
    expect(seen.profiles.map(({ id, state }) => ({ id, state }))).toEqual([
      { id: OFFICE, state: 'denied' },
      { id: OLD, state: 'down' },
    ]);
    expect(rules().join('')).not.toContain('to any port 1701');
  });

  test('twice is once: one token, the same rules', async () => {
    await vpn.apply({ state: 'denied', profiles: null });
    const before = rules().filter((rule) => !rule.includes('ppp0')).length;
    await vpn.apply({ state: 'denied', profiles: null });
    expect(pc.state.tokens).toHaveLength(1);
    expect(rules()).toHaveLength(before);
  });

  test('a session that does not end is a failure that says so', async () => {
    pc.state.stubborn = true;
    const failure = await failureOf(vpn.apply({ state: 'denied', profiles: null }));
    expect(failure).toMatchObject({ status: 500, seen: { block: 'holding', interfaces: ['ppp0'] } });
    expect(failure?.message).toContain('is still connected');
  });

  test('main rules that do not ask ours, or decide before, are no block', async () => {
    pc.state.main = 'block drop all\n';
    expect((await failureOf(vpn.apply({ state: 'denied', profiles: null })))?.message).toContain(
      'com.apple/*',
    );
    pc.state.main = 'pass quick all\nanchor "com.apple/*" all\n';
    expect(await vpn.inspect()).toMatchObject({
      block: 'none',
      problems: [expect.stringContaining('quick rule')],
    });
  });

  test('rules that pfctl refuses: the session ends all the same, pf is as before, and it is no success', async () => {
    pc.state.refuseRules = true;
    const failure = await failureOf(vpn.apply({ state: 'denied', profiles: null }));
    expect(failure?.message).toContain('syntax error');
    expect(pc.events).toContain(`stop ${OFFICE}`);
    expect(pc.state.tokens).toEqual([]);
  });

  test('a gateway without an address matters only where L2TP as such is not blocked', async () => {
    hosts = {};
    expect(await vpn.apply({ state: 'denied', profiles: null })).toMatchObject({ block: 'holding' });
    const failure = await failureOf(vpn.apply({ state: 'denied', profiles: [OFFICE_NAME] }));
    expect(failure?.message).toContain('has no address now');
  });

  test('a profile that is not there is not found', async () => {
    expect(await failureOf(vpn.apply({ state: 'denied', profiles: ['Gone'] }))).toMatchObject({
      status: 404,
    });
    expect(rules()).toEqual([]);
  });
});

describe('allowed', () => {
  test('our rules and our hold on pf go, another’s hold stays', async () => {
    pc.state.otherToken = true;
    await vpn.apply({ state: 'denied', profiles: null });
    const seen = await vpn.apply({ state: 'allowed' });
    expect(seen).toMatchObject({ block: 'none', problems: [] });
    expect(pc.state.tokens).toEqual([]);
    expect(pc.state.anchors.size).toBe(0);
    expect(await vpn.apply({ state: 'allowed' })).toMatchObject({ block: 'none' });
  });

  test('a block that lost a rule, or that somebody switched off with pf, is none', async () => {
    await vpn.apply({ state: 'denied', profiles: null });
    rules().splice(1, 1);
    expect((await vpn.inspect()).block).toBe('none');
    await vpn.apply({ state: 'denied', profiles: null });
    pc.state.tokens = [];
    expect(await vpn.inspect()).toMatchObject({ block: 'none', problems: ['pf is off'] });
    expect(await vpn.apply({ state: 'denied', profiles: null })).toMatchObject({ block: 'holding' });
  });
});

describe('set', () => {
  const profile = (name: string) => ({
    name,
    gateway: 'vpn.example.net',
    machine: { kind: 'psk' as const, psk: 'secret' },
    user: null,
    suites: { ike: [], esp: [] },
    routes: 'all' as const,
    dns: [],
    mtu: null,
  });

  test('is refused, with the reason, and nothing is touched', async () => {
    const set = (name: string) => failureOf(vpn.apply({ state: 'set', profile: profile(name), up: false }));
    expect(await set('New')).toMatchObject({
      status: 501,
      message: expect.stringContaining('configuration profile'),
    });
    expect(await set(OFFICE_NAME)).toMatchObject({
      status: 403,
      message: expect.stringContaining('management'),
    });
    expect(pc.events.filter((event) => !event.startsWith('ask'))).toEqual([]);
  });
});
