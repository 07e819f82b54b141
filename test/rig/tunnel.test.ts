import { beforeAll, describe, expect, test } from 'vitest';
import { BLOCK_TABLE } from '../../collectors/vpn-client/linux-block.ts';
import { officeCertificate, officeProfile } from '../support/vpn-profile.ts';
import { theRig } from './each.ts';
import { addresses } from './rig.ts';
import { type Gateway, startGateway } from './stack/gateway.ts';
import { type PlainLaptop, startPlainLaptop } from './stack/plain-laptop.ts';
import { type Agent, startPosture } from './stack/posture.ts';
import { makeSecrets, type Secrets } from './stack/secrets.ts';
import { mustStaySealed, travelled, whilePinging } from './wire.ts';

const PING = ['ping', '-c2', '-i0.2', '-W5', addresses.corp];

/** One story, in this order: each test begins where the one before it ended. */
describe('a laptop with strongSwan and xl2tpd', () => {
  let gateway: Gateway;
  let laptop: PlainLaptop;
  let agent: Agent;
  let secrets: Secrets;

  beforeAll(async () => {
    const rig = theRig();
    secrets = await makeSecrets();
    await rig.reset();
    const posture = await startPosture(rig, secrets);
    gateway = await startGateway(rig.node('gw'), secrets);
    await gateway.radius('gate');
    laptop = await startPlainLaptop(rig.node('lt'), secrets);
    agent = await posture.startAgent(laptop.node);
  });

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
