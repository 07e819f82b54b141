import { beforeAll, describe, expect, test } from 'vitest';
import { BLOCK_TABLE } from '../../collectors/vpn-client/linux-block.ts';
import { theRig } from './each.ts';
import type { Daemon, RigNode } from './node.ts';
import { addresses } from './rig.ts';
import { type Agent, SELDOM } from './stack/agent.ts';
import { type Gateway, startGateway } from './stack/gateway.ts';
import { startHelper } from './stack/helper.ts';
import { issue } from './stack/pki.ts';
import { type PlainLaptop, setUpAnew, startPlainLaptop } from './stack/plain-laptop.ts';
import { type Posture, startPosture } from './stack/posture.ts';
import { makeSecrets, type Secrets } from './stack/secrets.ts';
import { RESTRICTED_REACH } from './stack/site.ts';

type Login = { reason: string; access: string; identity: string | null; device: string | null };
type Laptops = [PlainLaptop, PlainLaptop];

/** One story, in this order: two laptops of one user, and what their gateway does with their sessions. */
describe('the gateway helper, with the real pppd, xl2tpd, strongSwan and FreeRADIUS', () => {
  let secrets: Secrets;
  let posture: Posture;
  let gateway: Gateway;
  let laptops: Laptops;
  let agents: [Agent, Agent];
  let helper: Daemon;

  beforeAll(async () => {
    const rig = theRig();
    secrets = await makeSecrets();
    await rig.reset();
    posture = await startPosture(rig, secrets, {}, () => {}, { helper: true });
    gateway = await startGateway(rig.node('gw'), secrets, { helper: true });
    [helper] = await Promise.all([startHelper(gateway.node), gateway.radius('gate')]);
    await rig.node('corp').must(`ip addr add ${RESTRICTED_REACH}/24 dev eth0`);
    const set = (name: 'lt' | 'lt2') => startPlainLaptop(rig.node(name), secrets);
    laptops = [await set('lt'), await set('lt2')];
    const agent = ({ node }: PlainLaptop) => posture.startAgent(node, SELDOM);
    agents = [await agent(laptops[0]), await agent(laptops[1])];
  }, 900_000);

  const reaches = async ({ node }: PlainLaptop, target: string) =>
    (await node.exec(['ping', '-c2', '-i0.2', '-W3', target])).code === 0;
  const reach = (laptop: PlainLaptop) =>
    Promise.all([reaches(laptop, addresses.corp), reaches(laptop, RESTRICTED_REACH)]);
  const logins = (count: number) =>
    posture.rows(
      `select reason, access, identity, device from all_logins order by at desc limit ${count}`,
    ) as Promise<Login[]>;
  const lastLogin = async () => (await logins(1))[0];

  /** The first laptop is well again, its agent goes on, and what is left of its session is cleared away. */
  async function recover(laptop: PlainLaptop): Promise<void> {
    await posture.signal(agents[0].device, 'closed');
    await agents[0].daemon.signal('CONT');
    await agents[0].until(({ decision }) => decision?.access === 'allow', 'leave to connect again');
    await laptop.hangUp();
  }

  test('a Disconnect of the posture server ends exactly the session that it names by Class', async () => {
    const [ill, well] = laptops;
    await Promise.all([ill.connect(), well.connect()]);
    expect(await Promise.all([reaches(ill, addresses.corp), reaches(well, addresses.corp)])).toEqual([
      true,
      true,
    ]);
    // So that nobody but the gateway acts.
    await agents[0].daemon.signal('STOP');
    const [session] = await posture.rows(
      `select id, login, framed_address from sessions where device = '${agents[0].device}' and ended_at is null`,
    );
    const wire = await startSniffing(theRig().guest);
    await posture.signal(agents[0].device, 'open');
    await gateway.node.waitFor('[ $(ls -d /sys/class/net/ppp* | wc -l) = 1 ]', 30);
    expect(await reaches(well, addresses.corp)).toBe(true);
    expect(await reaches(ill, addresses.corp)).toBe(false);
    await eventually(
      () => posture.rows(`select kind, want, state, answer from nas_requests`),
      (asked) => asked[0]?.state === 'done',
    );
    expect(await posture.rows(`select kind, want, state, answer from nas_requests`)).toEqual([
      { kind: 'disconnect', want: 'deny', state: 'done', answer: 'ack' },
    ]);
    expect(await wire.stop()).toContain(`p1;n=${String(session?.login)}`);
    await recover(ill);
  });

  test('where the helper is not reached the Disconnect is asked again, and ends the session once it is', async () => {
    const [ill, well] = laptops;
    await helper.stop();
    await ill.connect();
    await agents[0].daemon.signal('STOP');
    await posture.signal(agents[0].device, 'open');
    const asked = () =>
      posture.rows('select state, attempts, answer from nas_requests order by rowid desc limit 1');
    const [unanswered] = await eventually(
      asked,
      ([last]) => Number(last?.attempts) > 0 && last?.state !== 'done',
    );
    expect(unanswered).toMatchObject({ state: 'waiting', answer: expect.stringMatching(/no answer|nak/) });
    // Nothing else acts here; what holds a laptop whose helper is away is its own order.
    expect(await Promise.all(laptops.map((laptop) => reaches(laptop, addresses.corp)))).toEqual([true, true]);
    helper = await startHelper(gateway.node);
    // The third and the fourth attempt are 15 and 30 seconds after the one before.
    await gateway.node.waitFor('[ $(ls -d /sys/class/net/ppp* | wc -l) = 1 ]', 120);
    expect(await reaches(well, addresses.corp)).toBe(true);
    const [answered] = await eventually(asked, ([last]) => last?.state === 'done');
    expect(answered).toMatchObject({ answer: expect.stringMatching(/^ack/) });
    await recover(ill);
  });

  test('a CoA holds a session to quarantine, and gives everything back; traffic shows it, the other one is untouched', async () => {
    const [ill, well] = laptops;
    await posture.setPolicy({ access: 'quarantine' });
    await eventually(
      () => ill.dial(),
      ({ code }) => code === 0,
    );
    const [session] = await posture.rows(
      `select framed_address from sessions where device = '${agents[0].device}' and ended_at is null`,
    );
    const address = String(session?.framed_address);
    const isHeld = () => gateway.node.exec(`nft list table inet drawbridge_gateway | grep -F -- ${address}`);
    expect(await reach(ill)).toEqual([true, true]);
    expect((await isHeld()).code).not.toBe(0);
    await agents[0].setHealthy(false);
    await eventually(isHeld, ({ code }) => code === 0);
    expect(await reach(ill)).toEqual([false, false]);
    expect(await reach(well)).toEqual([true, true]);
    await agents[0].setHealthy(true);
    await eventually(isHeld, ({ code }) => code !== 0);
    expect(await reach(ill)).toEqual([true, true]);
    await posture.setPolicy({});
    await Promise.all(laptops.map((laptop) => laptop.hangUp()));
  });

  test('RADIUS decides on the identity that strongSwan’s hook told of: a certificate that is nobody’s is held from the start', async () => {
    const [one] = laptops;
    await setUpAnew(one.node, secrets, {
      certificate: { authority: secrets.authority.certificate, ...secrets.laptop },
    });
    await one.connect();
    // The agent is there and well; but whose certificate that is, nobody knows.
    expect(await lastLogin()).toMatchObject({ reason: 'unknown_certificate', access: 'restrict' });
    expect(await reach(one)).toEqual([false, true]);
    await one.hangUp();
    await gateway.node.waitFor('! ls -d /sys/class/net/ppp*', 20);
  });

  const certificateOf = async ({ device }: Agent) => ({
    authority: secrets.authority.certificate,
    ...(await issue(secrets.authority, device, 'client')),
  });

  describe('two laptops of one user behind one NAT, one of them ill', () => {
    beforeAll(async () => {
      await moveBehindNat();
      const [ill, well] = laptops;
      await setUpAnew(ill.node, secrets, { gateway: addresses.gatewayBehindNat, port: 40_001 });
      await setUpAnew(well.node, secrets, { gateway: addresses.gatewayBehindNat, port: 40_002 });
      await theRig()
        .node('srv')
        .waitFor("[ $(ss -Htn state established '( sport = :8443 )' | grep -cF 198.51.100.2) -ge 2 ]");
      await agents[0].setHealthy(false);
      await agents[0].untilOrdered('deny');
    });

    test('the ill one is out by its own block; without it both are restricted, neither in on the other’s answer', async () => {
      const [ill, well] = laptops;
      expect((await ill.dial()).code).not.toBe(0);
      await ill.hangUp();
      await removeBlock(ill);
      await well.connect();
      expect(await lastLogin()).toMatchObject({ reason: 'ambiguous_identity', access: 'restrict' });
      await ill.connect();
      expect(await logins(2)).toMatchObject([
        { reason: 'ambiguous_identity', access: 'restrict', device: null },
        { reason: 'ambiguous_identity', access: 'restrict', device: null },
      ]);
      expect(await Promise.all(laptops.map(reach))).toEqual([
        [false, true],
        [false, true],
      ]);
      await Promise.all(laptops.map((laptop) => laptop.hangUp()));
    });

    test('ending the ill one’s agent does not let it in either', async () => {
      const [ill] = laptops;
      await agents[0].daemon.stop();
      await agents[0].until(({ connected }) => !connected, 'end of the connection');
      await removeBlock(ill);
      await ill.connect();
      expect(await lastLogin()).toMatchObject({ reason: 'ambiguous_identity', access: 'restrict' });
      expect(await reach(ill)).toEqual([false, true]);
      await ill.hangUp();
    });

    test('by certificate the healthy one is in, and the ill one is refused', async () => {
      const [ill, well] = laptops;
      const behind = { gateway: addresses.gatewayBehindNat };
      await setUpAnew(well.node, secrets, {
        ...behind,
        port: 40_002,
        certificate: await certificateOf(agents[1]),
      });
      await well.connect();
      expect(await lastLogin()).toMatchObject({ identity: 'certificate', access: 'allow' });
      expect(await reach(well)).toEqual([true, true]);
      await well.hangUp();
      await setUpAnew(ill.node, secrets, {
        ...behind,
        port: 40_001,
        certificate: await certificateOf(agents[0]),
      });
      const { code, stdout } = await ill.dial();
      expect(code).not.toBe(0);
      expect(stdout).toContain('authentication failed');
      expect(await lastLogin()).toMatchObject({ identity: 'certificate', access: 'deny' });
    });
  });

  const removeBlock = ({ node }: PlainLaptop) =>
    node.exec(`nft delete table inet ${BLOCK_TABLE}; ip rule flush table drawbridge 2> /dev/null; true`);

  /** From then on the server sees one address for both. */
  async function moveBehindNat(): Promise<void> {
    const { server } = addresses;
    await theRig().node('srv').must(`ip route add 198.51.100.0/24 via ${addresses.gateway}`);
    await gateway.node.must(
      `nft add rule inet vpngw forward iifname eth1 oifname eth0 ip daddr ${server} tcp dport 8443 accept`,
    );
    await theRig().node('nat').must(`ip route add ${server} via ${addresses.gatewayBehindNat}`);
    for (const { node } of laptops)
      await node.must(`ip route add ${server} via 192.168.50.1; ss -K dst ${server} > /dev/null`);
  }
});

/** RADIUS requests to the gateway, as text. */
async function startSniffing(guest: RigNode) {
  const file = '/run/radius.pcap';
  const argv = ['tcpdump', '-i', 'internet', '-nn', '-U', '-Z', 'root', '-w', file, 'udp port 3799'];
  const tcpdump = await guest.spawn('radius-tcpdump', argv);
  await tcpdump.said('listening on');
  return {
    async stop() {
      await tcpdump.signal('INT');
      await guest.waitFor(`test ! -d /proc/${tcpdump.pid}`);
      return guest.must(`tcpdump -Z root -nn -A -r ${file} 2> /dev/null`);
    },
  };
}

async function eventually<T>(ask: () => Promise<T>, is: (found: T) => boolean, seconds = 60): Promise<T> {
  const end = Date.now() + seconds * 1_000;
  for (;;) {
    const found = await ask();
    if (is(found)) return found;
    if (Date.now() > end)
      throw new Error(`not within ${seconds} s: ${JSON.stringify(found).slice(0, 2_000)}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
