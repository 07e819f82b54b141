import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { statusSchema, type Status, type VpnStatus } from '../../src/agent/status.ts';
import { interfaceTowards, isTunnel, throughTunnel, vpnFindings } from '../../src/cli/agent-doctor-vpn.ts';

const vpn: VpnStatus = {
  driver: 'linux',
  observing: null,
  block: 'none',
  live: false,
  interfaces: [],
  isolated: false,
  holders: [],
  problem: null,
  lastOrder: null,
};
const NOW = Date.UTC(2026, 10, 28);
const iso = (ms: number) => new Date(ms).toISOString();

function statusWith(change: Partial<VpnStatus>, standingUntil: string | null = null): Status {
  const time = iso(NOW);
  return statusSchema().parse({
    version: '1.2.3',
    pid: 1,
    startedAt: time,
    updatedAt: time,
    server: null,
    device: null,
    enrolment: 'none',
    connection: { state: 'connected', since: time, transport: 'websocket' },
    lastReportAt: null,
    lastAckAt: null,
    nextCollectionAt: null,
    decision: null,
    risk: null,
    firstToFix: null,
    spool: { reports: 0, bytes: 0, dropped: 0, problem: null },
    keyProtection: null,
    clockOffsetMs: 0,
    crashes: 0,
    vpn: { ...vpn, ...change },
    standingUntil,
  });
}

const levels = (status: Status) => vpnFindings(status, NOW).map(({ level }) => level);

test('a VPN that is not in the wanted state has to be seen to; an observed one is a warning', () => {
  expect(levels(statusWith({}))).toEqual(['ok', 'ok']);
  expect(levels(statusWith({ problem: 'nft is not installed' }))).toEqual(['fail', 'ok']);
  expect(levels(statusWith({ observing: 'vpn.mode: observe' }))).toEqual(['warn', 'ok']);
});

test('who holds it is said', () => {
  const holders = [{ cause: 'standing' as const, since: iso(NOW), until: null, reason: 'malware' }];
  expect(vpnFindings(statusWith({ holders }), NOW)[0]?.found).toBe('held by standing (malware)');
});

test('past its time a standing policy is a warning: nothing is taken down without the server any more', () => {
  const [, finding] = vpnFindings(statusWith({}, iso(NOW - 1)), NOW);
  expect(finding).toMatchObject({ level: 'warn', found: expect.stringContaining('expired') });
  expect(levels(statusWith({}, iso(NOW + 1)))[1]).toBe('ok');
});

test('the way to an address is found without sending anything', async () => {
  const loopback = Object.entries(networkInterfaces()).find(([, all]) => all?.some((one) => one.internal));
  expect(await interfaceTowards('127.0.0.1')).toBe(loopback?.[0]);
});

test('a tunnel is known by its name, or by what the agent saw', () => {
  expect(isTunnel('ppp0', null)).toBe(true);
  expect(isTunnel('eth0', statusWith({}))).toBe(false);
  expect(isTunnel('Office VPN', statusWith({ interfaces: ['Office VPN'] }))).toBe(true);
  expect(throughTunnel('ppp0', '192.0.2.1')).toMatchObject({
    level: 'fail',
    todo: expect.stringContaining('outside'),
  });
});
