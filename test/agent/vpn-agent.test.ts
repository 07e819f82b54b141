// The whole agent with a VPN client in memory, against the test server.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { VpnParts, VpnWays } from '../../src/agent/agent.ts';
import { noIsolation } from '../../src/agent/vpn-part.ts';
import { uuidv7 } from '../../src/agent/uuid.ts';
import { known } from '../../src/base/reading.ts';
import type { OrderClaims } from '../../src/wire/order.ts';
import {
  connected,
  enrolWith,
  eventually,
  readersWith,
  startAgent,
  startServer,
  temporaryFolder,
  type AgentChange,
} from './harness.ts';
import { OPEN_DETECTION } from '../server/fixtures.ts';
import { MemoryDriver } from './memory-driver.ts';
import type { TestServer } from './test-server.ts';

type Machine = {
  driver: MemoryDriver;
  /** What the detections check finds. */
  infected: boolean;
  /** Called by the reader of the whole collection, not of the proof. */
  slow: () => Promise<void>;
  change: AgentChange;
};

function machine(settings: Record<string, unknown> = {}): Machine {
  const made = { driver: new MemoryDriver(), infected: false, slow: async () => {} } as Machine;
  made.change = {
    settings,
    readers: readersWith({
      'vpn-client': async () =>
        known({ backends: ['memory'], profiles: (await made.driver.inspect()).profiles }),
      detections: async () => {
        await made.slow();
        return known({ ...OPEN_DETECTION, open: made.infected ? OPEN_DETECTION.open : [] });
      },
    }),
    openVpn: async (_parts: VpnParts): Promise<VpnWays> => ({
      vpn: { name: 'memory', driver: made.driver, defaultMode: 'enforce' },
      isolation: noIsolation,
      l2tpServer: null,
      certificates: null,
      credentials: null,
      isRoot: true,
    }),
  };
  return made;
}

async function order(server: TestServer, action: 'deny' | 'allow', change: Partial<OrderClaims> = {}) {
  const oc2 = { action, target: { 'x-posture:vpn': {} }, args: { response_requested: 'complete' as const } };
  const id = uuidv7(Date.now());
  server.last.send({
    t: 'order',
    jws: await server.order({ oc2: { ...oc2, command_id: id }, ...change }),
  });
}

const strict = (change: object = {}, deny = 'high') => ({
  policy: {
    version: 1,
    name: 'strict',
    standing: { deny },
    checks: { detections: { weight: 60, floor: 'high' } },
  },
  ...change,
});

const finished = ({ receipts }: TestServer) => receipts.filter(({ phase }) => phase === 'complete');
const started = (server: TestServer) => eventually('a report', () => server.reports.length > 0);

describe('an order', () => {
  test('is done, and proven by a report of the VPN alone, while the rest is still being read', async () => {
    const made = machine();
    const { server } = await connected({}, made.change);
    await started(server);
    made.driver.dial('office');
    // From now on a whole collection takes for ever.
    made.slow = () => new Promise(() => {});
    await order(server, 'deny');
    await eventually('the proof', () => server.reports.length > 1);
    await eventually('the receipt', () => finished(server).length > 0);
    expect(server.receipts.map(({ phase }) => phase)).toEqual(['complete']);
    const [whole, proof] = server.reports;
    expect(proof).toMatchObject({
      kind: 'delta',
      facts_at: whole?.collected_at,
      readings: { 'vpn-client': { fact: { profiles: [{ name: 'office', state: 'denied' }] } } },
    });
    expect(Object.keys(proof?.readings ?? {})).toEqual(['vpn-client']);
    const seenAt = Date.parse(String(proof?.readings?.['vpn-client']?.at));
    expect(seenAt).toBeGreaterThanOrEqual(Date.parse(String(finished(server)[0]?.oc2.results.at)));
  });

  test('during which the link is cut is answered once, after the reconnection', async () => {
    const made = machine();
    const { server } = await connected({}, made.change);
    await started(server);
    made.driver.before = () => server.dropConnections();
    await order(server, 'deny');
    await eventually('the receipt', () => finished(server).length > 0);
    expect(server.connections.length).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(finished(server).length).toBe(1);
    expect(made.driver.asked).toEqual(['denied']);
  });

  test('is in the status, and holds over a restart before the agent connects', async () => {
    const made = machine();
    const { server, folder, agent } = await connected({}, made.change);
    await started(server);
    await order(server, 'deny');
    await eventually('the receipt', () => finished(server).length > 0);
    expect((await eventually('status', async () => (await agent.status())?.vpn?.lastOrder))?.text).toBe(
      'done',
    );
    await agent.stop();
    // As after a reboot, without a server.
    made.driver.block = null;
    await server.stop();
    const again = startAgent(folder, made.change);
    await eventually('the block', () => made.driver.block === 'all');
    expect(await eventually('status', async () => (await again.status())?.vpn)).toMatchObject({
      holders: [{ cause: 'server', reason: 'test' }],
    });
  });

  test('where the VPN is only observed is answered as not implemented', async () => {
    const made = machine({ vpn: { mode: 'observe' } });
    const { server } = await connected({}, made.change);
    await started(server);
    await order(server, 'deny');
    await eventually('the receipt', () => finished(server).length > 0);
    expect(finished(server)[0]?.oc2).toMatchObject({
      status: 501,
      status_text: expect.stringContaining('observe'),
    });
    expect(made.driver.asked).toEqual([]);
  });

  test('of an earlier enrolment holds nobody for ever', async () => {
    const made = machine();
    const { server, folder, agent } = await connected({}, made.change);
    await started(server);
    await order(server, 'deny');
    await eventually('the receipt', () => finished(server).length > 0);
    await agent.stop();
    const other = await startServer();
    await rm(join(folder, 'keys.json'));
    await enrolWith(other, folder, { again: true });
    startAgent(folder, made.change);
    await eventually('allowed', () => made.driver.block === null);
    expect(made.driver.dial('office')).toBe(true);
  });
});

describe('a standing order', () => {
  async function infectedAlone(claims: object) {
    const made = machine();
    const server = await startServer();
    const folder = await temporaryFolder();
    await enrolWith(server, folder);
    const agent = startAgent(folder, { ...made.change, everySeconds: 0.2 });
    await started(server);
    server.last.send({ t: 'policy', jws: await server.policy(claims as Record<string, unknown>) });
    await eventually('the policy', () => server.reports.at(-1)?.cfg);
    await server.stop();
    made.driver.dial('office');
    made.infected = true;
    onTestFinished(() => void agent.stop());
    return { made, agent };
  }

  test('takes the VPN down while the server is gone, and lets it up when the device is well again', async () => {
    const { made, agent } = await infectedAlone(strict());
    await eventually('the cut', () => !made.driver.isUp('office'));
    expect(made.driver.dial('office')).toBe(false);
    const held = await eventually('status', async () => (await agent.status())?.vpn?.holders[0]);
    expect(held).toMatchObject({ cause: 'standing', reason: expect.stringContaining('Eicar') });
    made.infected = false;
    await eventually('up again', () => made.driver.dial('office'));
  });

  test('does nothing under break-glass, and nothing where the policy says never', async () => {
    const until = Math.floor(Date.now() / 1_000) + 3_600;
    for (const claims of [strict({ break_glass: until }), strict({}, 'never')]) {
      const { made, agent } = await infectedAlone(claims);
      await eventually('its own judgement', async () => (await agent.status())?.risk?.level !== 'low');
      expect(made.driver.isUp('office')).toBe(true);
      expect(made.driver.asked).toEqual([]);
    }
  });
});
