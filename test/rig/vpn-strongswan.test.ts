import { beforeAll, describe, expect, test } from 'vitest';
import type { VpnWanted } from '../../src/agent/vpn/driver.ts';
import type { VpnProfile } from '../../src/wire/vpn.ts';
import { officeCertificate, officeProfile } from '../support/vpn-profile.ts';
import { theRig } from './each.ts';
import { endSetSession } from './mishaps.ts';
import type { RigNode } from './node.ts';
import { addresses } from './rig.ts';
import { type Gateway, startGateway } from './stack/gateway.ts';
import { createAuthority, issue } from './stack/pki.ts';
import { type PlainLaptop, startPlainLaptop } from './stack/plain-laptop.ts';
import { makeSecrets, type Secrets } from './stack/secrets.ts';
import { DriverOnNode, fingerprint, parseSaid } from './vpn-driver.ts';
import { mustStaySealed, whilePinging } from './wire.ts';

const DENIED: VpnWanted = { state: 'denied', profiles: null };
const ALLOWED: VpnWanted = { state: 'allowed' };

/** A tunnel of somebody else's to the same gateway, on the same daemon. */
const otherTunnel = (remote: string, local: string, other: string) => `
connections {
  other {
    version = 2
    remote_addrs = ${remote}
    proposals = aes256-sha256-modp2048
    local { auth = psk }
    remote { auth = psk }
    children {
      other {
        mode = tunnel
        local_ts = ${local}
        remote_ts = ${other}
        esp_proposals = aes256-sha256
      }
    }
  }
}
`;

describe('strongSwan and xl2tpd', () => {
  let secrets: Secrets;
  let gateway: Gateway;
  let laptop: PlainLaptop;
  let lt: RigNode;
  let driver: DriverOnNode;
  let before: string;

  beforeAll(async () => {
    const rig = theRig();
    secrets = await makeSecrets();
    await rig.reset();
    lt = rig.node('lt');
    gateway = await startGateway(rig.node('gw'), secrets);
    await gateway.radius('open');
    laptop = await startPlainLaptop(lt, secrets);
    driver = await DriverOnNode.install(lt);
    await lt.write({
      '/etc/swanctl/conf.d/other.conf': otherTunnel(addresses.gateway, '10.98.0.0/24', '10.99.7.0/24'),
    });
    await gateway.node.write({
      '/etc/swanctl/conf.d/other.conf': otherTunnel('%any', '10.99.7.0/24', '10.98.0.0/24'),
    });
    for (const node of [lt, gateway.node])
      await node.must(
        'echo "include conf.d/*.conf" >> /etc/swanctl/swanctl.conf; swanctl --load-all --noprompt',
      );
    before = await fingerprint(lt);
  }, 400_000);

  const set = (change: Partial<VpnProfile> = {}, up = true): VpnWanted => ({
    state: 'set',
    profile: officeProfile(secrets, change),
    up,
  });
  const pings = async () => (await lt.exec(['ping', '-c2', '-i0.2', '-W3', addresses.corp])).code === 0;

  test('denied: the session is gone on both sides, another tunnel of the same daemon lives, nothing of /etc changed', async () => {
    await lt.must('swanctl --initiate --child other --timeout 20');
    const link = await laptop.connect();
    expect(await pings()).toBe(true);
    const up = await driver.inspect();
    expect(up.interfaces).toEqual([link]);
    expect(up.profiles).toMatchObject([{ name: 'corp', state: 'up', interface: link, ipsec: true }]);

    await mustStaySealed(() =>
      whilePinging(lt, async () => {
        const down = await driver.reach(DENIED);
        expect(down).toMatchObject({ block: 'holding', interfaces: [], collateral: [], problems: [] });
        expect(down.profiles).toMatchObject([{ name: 'corp', state: 'denied' }]);
        await gateway.node.waitFor('! ls -d /sys/class/net/ppp*', 20);
      }),
    );
    const tunnels = await lt.must('swanctl --list-sas');
    expect(tunnels).toMatch(/other: .*ESTABLISHED/);
    expect(tunnels).not.toContain('corp');
    expect(await fingerprint(lt)).toBe(before);
  });

  test('the block stops a redial; once more denied is denied; allowed lets it in again', async () => {
    expect((await laptop.dial()).code).not.toBe(0);
    await lt.exec('kill $(cat /run/xl2tpd.pid)');
    expect(await driver.reach(DENIED)).toMatchObject({ block: 'holding', interfaces: [] });
    expect(await driver.reach(ALLOWED)).toMatchObject({ block: 'none' });
    expect(await lt.must('nft list tables; ip rule show')).not.toMatch(/drawbridge|1701/);
    await laptop.connect();
    expect(await pings()).toBe(true);
    await laptop.hangUp();
  });

  test('set: up with a pre-shared key, then with a certificate; by hand nothing of it was touched', async () => {
    const first = await driver.reach(set());
    expect(first.profiles.find(({ name }) => name === 'office')).toMatchObject({
      state: 'up',
      auth: 'psk',
      gateway: addresses.gateway,
      mtu: 1280,
    });
    expect(await pings()).toBe(true);
    expect(await lt.must('find /etc -name "*drawbridge-office*" -perm /077 -type f')).toBe('');
    const machine = officeCertificate(secrets);
    await mustStaySealed(async () => {
      const second = await driver.reach(set({ machine }));
      expect(second.profiles.find(({ name }) => name === 'office')).toMatchObject({
        state: 'up',
        auth: 'certificate',
      });
    });
    expect(await lt.must('swanctl --list-sas')).toContain('laptop.example.test');
    expect(await pings()).toBe(true);
    expect(await lt.must('cat /etc/swanctl/conf.d/*drawbridge-office*')).not.toContain('secret');
    expect(
      await lt.must('grep -c "Written by hand" /etc/swanctl/swanctl.conf /etc/xl2tpd/xl2tpd.conf'),
    ).toMatch(/:1\n.*:1\n/);
  });

  /** What a `set` says that has to fail; everything is as it was. */
  async function whyNotSet(change: Partial<VpnProfile>): Promise<string | undefined> {
    await driver.reach(ALLOWED);
    const standing = await fingerprint(lt);
    const { failure } = await driver.apply(set(change));
    expect(failure?.message).toContain('put back');
    expect(await fingerprint(lt)).toBe(standing);
    expect(await driver.journal()).toEqual({ denied: null, change: null });
    return failure?.message;
  }

  test('set with a wrong pre-shared key says so and puts everything back, the session that was up with it', async () => {
    const why = await whyNotSet({ machine: { kind: 'psk', psk: 'wrong' } });
    expect(why).toMatch(/pre-shared key is probably wrong/);
    expect(await pings()).toBe(true);
    await endSetSession(lt, 'office');
  });

  test.each<[string, () => Promise<Partial<VpnProfile>>, RegExp]>([
    [
      'suites that the gateway has not',
      async () => ({ suites: { ike: ['aes128-sha256-modp3072'], esp: [] } }),
      /none of the suites/,
    ],
    [
      'a password that RADIUS refuses',
      async () => ({ user: { name: secrets.user, password: 'wrong' } }),
      /No PPP session/,
    ],
    ['a gateway that is silent', async () => ({ gateway: '203.0.113.99' }), /does not answer/],
    [
      'a certificate of another authority',
      async () => {
        const own = await issue(await createAuthority('Rogue'), 'rogue.example.test', 'client');
        return { machine: { ...officeCertificate(secrets), ...own } };
      },
      /does not accept the certificate/,
    ],
  ])('set with %s says so and puts everything back', async (_, change, why) => {
    expect(await whyNotSet(await change())).toMatch(why);
  });

  test('/etc that cannot be written: nothing is set, and denied is reached all the same', async () => {
    const standing = await fingerprint(lt);
    await lt.must('mount --bind /etc /etc && mount -o remount,bind,ro /etc');
    try {
      const { failure } = await driver.apply(set({ mtu: 1300 }, false));
      expect(failure?.message).toMatch(/EROFS|read-only/);
      expect(await driver.reach(DENIED)).toMatchObject({ block: 'holding', interfaces: [] });
    } finally {
      await lt.must('umount /etc');
    }
    expect(await fingerprint(lt)).toBe(standing);
    expect((await driver.restore()).failure).toBe(null);
    expect(await driver.journal()).toMatchObject({ change: null });
  });

  test('/etc that is full after the first files of a change: everything is put back, and denied is reached all the same', async () => {
    await driver.reach(ALLOWED);
    const standing = await fingerprint(lt);
    // As much as now, with room for two files more: the third of the new profile's does not fit.
    await lt.must(
      `mkdir /run/etc; mount -t tmpfs -o mode=755 tmpfs /run/etc; cp -a /etc/. /run/etc
       mount -o remount,size=$(($(df --output=used -k /run/etc | tail -n 1) + 8))k /run/etc; mount --bind /run/etc /etc`,
    );
    try {
      const other = officeProfile(secrets, { name: 'other office', machine: officeCertificate(secrets) });
      const { failure } = await driver.apply({ state: 'set', profile: other, up: false });
      expect(failure?.message).toMatch(/ENOSPC.*Everything was put back/);
      expect(await fingerprint(lt)).toBe(standing);
      expect(await driver.journal()).toMatchObject({ change: null });
      expect(await driver.reach(DENIED)).toMatchObject({ block: 'holding', interfaces: [] });
    } finally {
      await lt.must('umount /etc /run/etc');
    }
    expect(await fingerprint(lt)).toBe(standing);
  });

  test('what is denied cannot be set up, an unknown profile is not there, and both leave the block alone', async () => {
    expect((await driver.apply(set())).failure).toMatchObject({ status: 403 });
    expect((await driver.apply({ state: 'denied', profiles: ['nobody'] })).failure).toMatchObject({
      status: 404,
    });
    expect(await driver.inspect()).toMatchObject({ block: 'holding', interfaces: [] });
    await driver.reach(ALLOWED);
  });

  test('without nftables the block is made of routing rules, says so, and stops a redial', async () => {
    const link = await laptop.connect();
    await lt.must('mv /usr/sbin/nft /usr/sbin/nft.away');
    try {
      await mustStaySealed(() =>
        whilePinging(lt, async () => {
          const down = await driver.reach(DENIED);
          expect(down).toMatchObject({ block: 'holding', interfaces: [] });
          expect(down.problems.join()).toMatch(/routing rules: nftables is not installed/);
        }),
      );
      expect((await lt.exec(`test -e /sys/class/net/${link}`)).code).not.toBe(0);
      expect((await laptop.dial()).code).not.toBe(0);
      expect(await driver.reach(ALLOWED)).toMatchObject({ block: 'none' });
    } finally {
      await lt.must('mv /usr/sbin/nft.away /usr/sbin/nft');
    }
    expect(await lt.must('ip rule show')).not.toContain('1701');
    await lt.exec('kill $(cat /run/xl2tpd.pid)');
  });

  test('a gateway that falls silent, and a driver that is stopped in the middle, change nothing of the outcome', async () => {
    await laptop.connect();
    await gateway.node.must(
      'nft add table inet silent; nft add chain inet silent in "{ type filter hook input priority -400; policy drop; }"',
    );
    await mustStaySealed(() =>
      whilePinging(lt, async () => {
        const child = await driver.start('stopped', DENIED);
        await lt.waitFor('nft list table inet drawbridge-vpn', 60);
        await child.signal('STOP');
        // Longer than any single wait of the driver: for it, an hour would be the same.
        await lt.must('sleep 12; ! ping -c1 -W1 10.99.0.10');
        await child.signal('CONT');
        await child.said('"ok":', 120);
        expect(parseSaid(await child.log())).toMatchObject({
          failure: null,
          seen: { block: 'holding', interfaces: [] },
        });
      }),
    );
    await gateway.node.must('nft delete table inet silent');
    await driver.reach(ALLOWED);
  });
});
