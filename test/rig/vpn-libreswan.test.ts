import { beforeAll, describe, expect, test } from 'vitest';
import type { VpnWanted } from '../../src/agent/vpn/driver.ts';
import { officeProfile } from '../support/vpn-profile.ts';
import { theRig } from './each.ts';
import type { RigNode } from './node.ts';
import { addresses } from './rig.ts';
import { type Gateway, startGateway } from './stack/gateway.ts';
import { startLibreswanLaptop } from './stack/libreswan-laptop.ts';
import type { PlainLaptop } from './stack/plain-laptop.ts';
import { makeSecrets, type Secrets } from './stack/secrets.ts';
import { DriverOnNode, fingerprint } from './vpn-driver.ts';
import { mustStaySealed, travelled, whilePinging } from './wire.ts';

const DENIED: VpnWanted = { state: 'denied', profiles: null };
const ALLOWED: VpnWanted = { state: 'allowed' };
const PING = ['ping', '-c2', '-i0.2', '-W5', addresses.corp];

/** One story, in this order: each test begins where the one before it ended. */
describe('Libreswan and xl2tpd', () => {
  let secrets: Secrets;
  let gateway: Gateway;
  let laptop: PlainLaptop;
  let node: RigNode;
  let driver: DriverOnNode;
  let before: string;

  beforeAll(async () => {
    const rig = theRig();
    secrets = await makeSecrets();
    await rig.reset({ lt2: { ipsec: 'libreswan' } });
    gateway = await startGateway(rig.node('gw'), secrets);
    await gateway.radius('open');
    node = rig.node('lt2');
    laptop = await startLibreswanLaptop(node, secrets);
    driver = await DriverOnNode.install(node);
    before = await fingerprint(node);
  });

  test('denied: a session that was seen as it is is gone on both sides, and nothing leaks on the way', async () => {
    const link = await laptop.connect();
    expect((await driver.inspect()).profiles).toMatchObject([
      { name: 'corp', backend: 'libreswan', state: 'up', interface: link, ipsec: true, auth: 'psk' },
    ]);
    await mustStaySealed(() =>
      whilePinging(node, async () => {
        const down = await driver.reach(DENIED);
        expect(down).toMatchObject({ block: 'holding', interfaces: [], collateral: [], problems: [] });
        expect(down.profiles).toMatchObject([{ name: 'corp', state: 'denied' }]);
        await gateway.node.waitFor('! ls -d /sys/class/net/ppp*');
      }),
    );
    expect(await node.must('ipsec whack --showstates')).not.toContain('established');
    expect(await fingerprint(node)).toBe(before);
  });

  test('the block refuses to redial; allowed it gets back in', async () => {
    expect((await laptop.dial()).code).not.toBe(0);
    expect(await gateway.sessions()).toEqual([]);
    await laptop.hangUp();
    expect(await driver.reach(ALLOWED)).toMatchObject({ block: 'none' });
    await laptop.connect();
    await node.must(PING);
    expect(await fingerprint(node)).toBe(before);
  });

  test('control: with IKE ended first and no rule, the capture is not empty', async () => {
    const { clear } = await travelled(() =>
      whilePinging(node, async () => {
        // Libreswan itself holds back what it protected; without its policies nobody does.
        await node.must('ipsec auto --down corp; ip xfrm policy flush; ip xfrm state flush; sleep 1');
      }),
    );
    await laptop.hangUp();
    expect(clear).toBeGreaterThan(0);
  });

  test('set: up as described; with suites that the gateway has not it says so and puts everything back', async () => {
    // What two connections carry alike is one's alone; Libreswan leaves it with the one that failed last.
    await node.must('ipsec auto --delete corp');
    const office = officeProfile(secrets);
    const up = await driver.reach({ state: 'set', profile: office, up: true });
    expect(up.profiles).toContainEqual(
      expect.objectContaining({ name: 'office', backend: 'libreswan', state: 'up', ipsec: true }),
    );
    // The line by hand would be taken as soon as ours; which of them was, Libreswan does not say.
    expect(up.problems.join()).toContain('Libreswan holds another pre-shared key for this gateway');
    await node.must(PING);
    const standing = await fingerprint(node);
    const profile = { ...office, suites: { ike: ['aes128-sha256-modp3072'], esp: [] } };
    const { failure } = await driver.apply({ state: 'set', profile, up: true });
    expect(failure?.message).toMatch(/IPsec did not come up: .*Everything was put back/);
    expect(await fingerprint(node)).toBe(standing);
  });
});
