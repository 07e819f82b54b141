import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BLOCK_TABLE } from '../../collectors/vpn-client/linux-block.ts';
import { officeCertificate, officeProfile } from '../support/vpn-profile.ts';
import { theRig } from './each.ts';
import {
  anHourPasses,
  backToNow,
  endSetSession,
  reachServerThrough,
  suspend,
  suspendOnceCut,
  wake,
} from './mishaps.ts';
import { CHECKOUT, NODE_JS } from './node.ts';
import { addresses } from './rig.ts';
import { type Agent, type Ordered, SELDOM } from './stack/agent.ts';
import { type Gateway, startGateway } from './stack/gateway.ts';
import { type PlainLaptop, startPlainLaptop } from './stack/plain-laptop.ts';
import { type Posture, startPosture } from './stack/posture.ts';
import { makeSecrets, type Secrets } from './stack/secrets.ts';
import { mustStaySealed, travelled, whilePinging } from './wire.ts';

const PING = ['ping', '-c2', '-i0.2', '-W5', addresses.corp];

let posture: Posture;
let gateway: Gateway;
let laptop: PlainLaptop;
let agent: Agent;
let secrets: Secrets;

beforeAll(async () => {
  const rig = theRig();
  secrets = await makeSecrets();
  await rig.reset();
  posture = await startPosture(rig, secrets);
  gateway = await startGateway(rig.node('gw'), secrets);
  await gateway.radius('gate');
  laptop = await startPlainLaptop(rig.node('lt'), secrets);
  agent = await posture.startAgent(laptop.node, SELDOM);
});

/** One story, in this order: each test begins where the one before it ended. */
describe('a laptop with strongSwan and xl2tpd', () => {
  test('healthy: it gets in and pings through', async () => {
    await laptop.connect();
    await laptop.node.must(PING);
    expect(await gateway.sessions()).toEqual(['ppp0']);
  });

  test('with its session up it is called a client, never a server', async () => {
    expect(await agent.readAnew('l2tp-server')).toMatchObject({
      state: 'known',
      fact: { verdict: 'client-only' },
    });
  });

  test('unhealthy: it is cut and gone on both sides, and nothing leaks on the way', async () => {
    await mustStaySealed(() =>
      whilePinging(laptop.node, async () => {
        await agent.setHealthy(false);
        await agent.untilOrdered('deny');
        await laptop.node.waitFor('! ls -d /sys/class/net/ppp*');
        await gateway.node.waitFor('! ls -d /sys/class/net/ppp*');
      }),
    );
    expect((await laptop.node.exec(PING)).code).not.toBe(0);
  });

  test('its own block refuses to redial where RADIUS lets everybody in', async () => {
    await gateway.radius('open');
    expect((await laptop.dial()).code).not.toBe(0);
    expect(await gateway.sessions()).toEqual([]);
    await laptop.hangUp();
    await gateway.radius('gate');
  });

  test('the gate refuses it where the block was taken away', async () => {
    await laptop.node.must(`nft delete table inet ${BLOCK_TABLE}`);
    const { code, stdout } = await laptop.dial();
    expect(code).not.toBe(0);
    expect(stdout).toContain('authentication failed');
    expect(await gateway.sessions()).toEqual([]);
    await laptop.hangUp();
  });

  test('healthy again: it is allowed and gets back in', async () => {
    await agent.setHealthy(true);
    await agent.untilOrdered('allow');
    await laptop.connect();
    await laptop.node.must(PING);
    expect(await gateway.sessions()).toEqual(['ppp0']);
  });

  test('control: with IKE ended first and no rule, the capture is not empty', async () => {
    const { clear } = await travelled(() =>
      whilePinging(laptop.node, async () => {
        await laptop.node.must('swanctl --terminate --ike corp --timeout 5; sleep 1');
      }),
    );
    expect(clear).toBeGreaterThan(0);
    await laptop.hangUp();
  });

  test('set by order: it is connected to another address of the gateway, then by certificate instead of the key', async () => {
    await laptop.node.must(
      'echo "include conf.d/*.conf" >> /etc/swanctl/swanctl.conf; swanctl --load-all --noprompt',
    );
    const profile = officeProfile(secrets, { gateway: addresses.gatewayBehindNat });
    await agent.untilProven(await agent.order('set', { profile, up: true }));
    await laptop.node.must(PING);
    const machine = officeCertificate(secrets);
    await agent.untilProven(await agent.order('set', { profile: { ...profile, machine }, up: true }));
    await laptop.node.must(PING);
    expect(await laptop.node.must('swanctl --list-sas')).toContain('laptop.example.test');
  });
});

describe('when things go wrong while an order runs', () => {
  beforeAll(async () => {
    await gateway.radius('open');
    // What was set by order is gone, by somebody's hand.
    await endSetSession(laptop.node, 'office');
    await laptop.node.must(
      "find /etc -name '*drawbridge-office*' -delete; swanctl --load-all --clear --noprompt",
    );
  });

  const isBlocked = async () => (await laptop.node.exec(`nft list table inet ${BLOCK_TABLE}`)).code === 0;
  const isUp = async () => (await laptop.node.exec(PING)).code === 0;

  /** Each receipt that the server has of the end of an order, by its status. */
  async function receiptsOf(order: string): Promise<unknown[]> {
    const rows = await posture.rows(
      `select status from receipts where order_id = '${order}' and phase = 'complete'`,
    );
    return rows.map(({ status }) => status);
  }

  /** Orders since this one, newest first, once the newest is proven and none is under way. */
  async function settledSince(first: string): Promise<Ordered[]> {
    const [newest] = await agent.orders();
    if (newest !== undefined) await agent.untilProven(newest.id);
    const orders = await agent.orders();
    if (orders[0]?.id !== newest?.id) return settledSince(first);
    return orders.slice(0, 1 + orders.findIndex(({ id }) => id === first));
  }

  async function allowAndConnect(): Promise<string> {
    // Where it is allowed already there is nothing to order.
    if (await isBlocked()) await agent.untilProven(await agent.order('allow'));
    return laptop.connect();
  }

  test('for a profile that is gone it fails and says so; the session of another goes on', async () => {
    const link = await laptop.connect();
    await expect(agent.untilProven(await agent.order('deny', { profiles: ['office'] }))).rejects.toThrow(
      /failed There is no such VPN profile here: office/,
    );
    expect(await isUp()).toBe(true);
    expect(await isBlocked()).toBe(false);
    await agent.untilProven(await agent.order('allow'));
    await laptop.node.must(`test -e /sys/class/net/${link}`);
  });

  test('two that contradict each other at once: the later one stands, here and there', async () => {
    const both = await Promise.all([agent.order('deny'), agent.order('allow').catch(() => null)]);
    const orders = await settledSince(both[0]);
    expect(orders.length).toBeGreaterThan(0);
    expect(await isBlocked()).toBe(orders[0]?.action === 'deny');
    for (const { state } of orders) expect(['proven', 'done', 'failed']).toContain(state);
  });

  test('the agent speaks to the server through the tunnel: doctor and server refuse that', async () => {
    await reachServerThrough(theRig(), laptop.node, await allowAndConnect());
    const doctor = [NODE_JS, `${CHECKOUT}/src/cli/drawbridge.ts`, 'doctor', '--json'];
    const { code, stdout } = await laptop.node.exec(doctor, { timeout: 120 });
    expect(code).toBe(1);
    expect(JSON.parse(stdout).findings).toContainEqual(
      expect.objectContaining({ name: 'way to the server', level: 'fail' }),
    );
    await agent.readAnew('vpn-client');
    expect(await posture.rows('select kind from alarms')).toContainEqual({ kind: 'through_tunnel' });
  });

  test('the cut takes the agent’s own way, and the server is killed: one receipt, when both are back', async () => {
    const order = await agent.order('deny');
    await laptop.node.waitFor(`nft list table inet ${BLOCK_TABLE}`);
    await posture.killServer();
    await laptop.node.waitFor('! ls -d /sys/class/net/ppp*');
    expect(await receiptsOf(order)).toEqual([]);
    await posture.restartServer();
    await agent.untilProven(order);
    expect(await receiptsOf(order)).toEqual([200]);
    expect((await agent.orders())[0]?.id).toBe(order);
    expect(await isBlocked()).toBe(true);
  });

  describe('a laptop sleeps for an hour', () => {
    afterAll(() => backToNow(theRig()));

    test('when an order comes: the old one is not obeyed any more, a fresh one is', async () => {
      await allowAndConnect();
      await suspend(laptop.node);
      const order = await agent.order('deny');
      await anHourPasses(theRig());
      await wake(laptop.node);
      await laptop.node.waitFor('! ls -d /sys/class/net/ppp*', 120);
      const [fresh, ...older] = await settledSince(order);
      expect(fresh).toMatchObject({ action: 'deny', state: 'proven' });
      expect(older).toEqual([
        expect.objectContaining({
          id: order,
          state: 'failed',
          reason: expect.stringMatching(/^expired$|replaced by a newer/),
        }),
      ]);
      expect(await isBlocked()).toBe(true);
    });

    test('in the middle of an order: it is completed, and told once', async () => {
      await allowAndConnect();
      const [order] = await Promise.all([agent.order('deny'), suspendOnceCut(laptop.node)]);
      await anHourPasses(theRig());
      await wake(laptop.node);
      await laptop.node.waitFor('! ls -d /sys/class/net/ppp*', 120);
      const [newest] = await settledSince(order);
      expect(newest).toMatchObject({ action: 'deny', state: 'proven' });
      // Or in the name of a fresh one, where the server has no more waited for it: then it is superseded.
      const [status, ...more] = await receiptsOf(order);
      expect([200, 403]).toContain(status);
      expect(more).toEqual([]);
      expect(await isBlocked()).toBe(true);
      await gateway.node.waitFor('! ls -d /sys/class/net/ppp*');
    });
  });
});
