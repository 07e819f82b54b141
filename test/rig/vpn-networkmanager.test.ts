import { beforeAll, describe, expect, test } from 'vitest';
import type { VpnState, VpnWanted } from '../../src/agent/vpn/driver.ts';
import type { VpnProfile } from '../../src/wire/vpn.ts';
import { officeCertificate, officeProfile } from '../support/vpn-profile.ts';
import { parseConnection, parseRow } from '../../collectors/vpn-client/linux-nmcli.ts';
import { ABOUT_ALL, aboutProfile } from '../../collectors/vpn-client/linux-networkmanager.ts';
import { bundle } from './bundle.ts';
import { theRig } from './each.ts';
import { NODE_JS, type RigNode } from './node.ts';
import { addresses } from './rig.ts';
import { type Gateway, startGateway } from './stack/gateway.ts';
import { type ManagedLaptop, startManagedLaptop } from './stack/managed-laptop.ts';
import { GATEWAY_NAME, makeSecrets, type Secrets } from './stack/secrets.ts';
import { DriverOnNode, fingerprint } from './vpn-driver.ts';
import { mustStaySealed, travelled, whilePinging } from './wire.ts';

const DENIED: VpnWanted = { state: 'denied', profiles: null };
const ALLOWED: VpnWanted = { state: 'allowed' };
const PING = ['ping', '-c2', '-i0.2', '-W5', addresses.corp];
const NO_SESSION = '! ls -d /sys/class/net/ppp*';
const NM_CHILD = '/opt/nm-child.mjs';
const PROFILES = '/etc/NetworkManager';

/** As often as the laptop dials: an emulated machine that others keep busy misses NetworkManager's ten seconds. */
async function reachInTime(driver: DriverOnNode, want: VpnWanted): Promise<VpnState> {
  for (let tries = 1; ; tries += 1) {
    const { seen, failure } = await driver.apply(want);
    if (failure === null && seen !== null) return seen;
    if (tries === 3 || !/VPN service failed to start|Unknown reason/.test(failure?.message ?? ''))
      throw new Error(`not reached: ${failure?.message}`);
  }
}

/** The same question to NetworkManager over the bus and to nmcli. */
async function toldTwice(node: RigNode, argv: readonly string[]): Promise<{ bus: string; nmcli: string }> {
  const bus = await node.exec([NODE_JS, NM_CHILD, ...argv]);
  const answer = JSON.parse(bus.stdout) as { code: number; stdout: string } | null;
  expect(answer).toMatchObject({ code: 0 });
  return { bus: answer?.stdout ?? '', nmcli: await node.must(['nmcli', ...argv]) };
}

/** One story, in this order: each test begins where the one before it ended. */
describe('NetworkManager and its L2TP plugin', () => {
  let secrets: Secrets;
  let gateway: Gateway;
  let laptop: ManagedLaptop;
  let lt: RigNode;
  let driver: DriverOnNode;
  let before: string;

  beforeAll(async () => {
    const rig = theRig();
    secrets = await makeSecrets();
    await rig.reset();
    gateway = await startGateway(rig.node('gw'), secrets);
    await gateway.radius('open');
    laptop = await startManagedLaptop(rig.node('lt'), secrets);
    lt = laptop.node;
    driver = await DriverOnNode.install(lt);
    before = await fingerprint(lt, PROFILES);
    await lt.write({ [NM_CHILD]: await bundle('nm-child.ts') });
  });

  test('it gets in and pings through, and is seen as it is', async () => {
    const link = await laptop.connect();
    await lt.must(PING);
    expect(await driver.inspect()).toMatchObject({
      profiles: [
        { name: 'corp', backend: 'networkmanager', state: 'up', interface: link, ipsec: true, auth: 'psk' },
      ],
      block: 'none',
      interfaces: [link],
    });
  });

  test('over the bus it tells what nmcli tells', async () => {
    const rows = await toldTwice(lt, ABOUT_ALL);
    expect(rows.bus.split('\n').map(parseRow).toSorted()).toEqual(
      rows.nmcli.trimEnd().split('\n').map(parseRow).toSorted(),
    );
    const uuids = rows.nmcli.split('\n').flatMap((line) => parseRow(line)[1] ?? []);
    expect(uuids.length).toBeGreaterThanOrEqual(3);
    for (const uuid of uuids) {
      const { bus, nmcli } = await toldTwice(lt, aboutProfile(uuid));
      expect(parseConnection(bus).get('connection.uuid')).toBe(uuid);
      expect([...parseConnection(nmcli)]).toEqual(expect.arrayContaining([...parseConnection(bus)]));
    }
  });

  test('denied: the session is gone on both sides, nothing leaks on the way, the profile is not touched', async () => {
    await mustStaySealed(() =>
      whilePinging(lt, async () => {
        const down = await driver.reach(DENIED);
        expect(down).toMatchObject({ block: 'holding', interfaces: [], collateral: [], problems: [] });
        expect(down.profiles).toMatchObject([{ name: 'corp', state: 'denied' }]);
        await gateway.node.waitFor(NO_SESSION);
      }),
    );
    expect(await fingerprint(lt, PROFILES)).toBe(before);
  });

  test('the block refuses to redial, and goes on when NetworkManager is restarted', async () => {
    expect((await laptop.dial()).code).not.toBe(0);
    await laptop.restartManager();
    expect(await driver.inspect()).toMatchObject({
      block: 'holding',
      interfaces: [],
      profiles: [{ name: 'corp', state: 'denied' }],
    });
    expect((await laptop.dial()).code).not.toBe(0);
    expect(await gateway.sessions()).toEqual([]);
  });

  test('allowed: it gets back in, and its settings are what they were, to the byte', async () => {
    expect(await driver.reach(ALLOWED)).toMatchObject({ block: 'none' });
    expect(await fingerprint(lt, PROFILES)).toBe(before);
    await laptop.connect();
    await lt.must(PING);
  });

  test('control: with IKE ended first and no rule, the capture is not empty', async () => {
    const { clear } = await travelled(() =>
      whilePinging(lt, async () => {
        await lt.must('swanctl --terminate --ike "*" --timeout 5 || ipsec stop; sleep 1');
      }),
    );
    expect(clear).toBeGreaterThan(0);
    await laptop.hangUp();
    // Nobody told the gateway: it would keep the session until its echoes have failed.
    await gateway.node.must('pkill -x pppd');
    await gateway.node.waitFor(NO_SESSION);
  });

  test('set: a session to another address of the gateway, then by certificate, then by the device’s own', async () => {
    await lt.must('nmcli -w 20 connection up home');
    const change = { gateway: addresses.gatewayBehindNat };
    const set = (more: Partial<VpnProfile> = {}): VpnWanted => ({
      state: 'set',
      profile: officeProfile(secrets, { ...change, ...more }),
      up: true,
    });
    const office = { name: 'office', backend: 'networkmanager', state: 'up', ...change };
    expect((await reachInTime(driver, set())).profiles).toContainEqual(
      expect.objectContaining({ ...office, auth: 'psk' }),
    );
    await lt.must(PING);
    const machine = officeCertificate(secrets);
    expect((await reachInTime(driver, set({ machine }))).profiles).toContainEqual(
      expect.objectContaining({ ...office, auth: 'certificate' }),
    );
    await lt.must(PING);
    // Where the agent puts it; the order names nothing of it.
    const { authority, laptop: own } = secrets;
    await lt.write({
      '/etc/ipsec.d/cacerts/drawbridge-device-root.pem': authority.certificate,
      '/etc/ipsec.d/certs/drawbridge-device.pem': own.certificate,
      '/etc/ipsec.d/private/drawbridge-device.pem': { text: own.key, mode: 0o600 },
    });
    const devices = { kind: 'device-certificate' as const, authority: null, gatewayId: GATEWAY_NAME };
    expect((await reachInTime(driver, set({ machine: devices }))).profiles).toContainEqual(
      expect.objectContaining({ ...office, auth: 'certificate' }),
    );
    await lt.must(PING);
    await lt.must('! test -e /etc/ipsec.d/private/drawbridge-office.pem');
    expect(await lt.must('find /etc -name "*drawbridge-office*" -perm /077 -type f -name "*.nm*"')).toBe('');
    await driver.reach(DENIED);
    await gateway.node.waitFor(NO_SESSION);
  }, 400_000);
});
