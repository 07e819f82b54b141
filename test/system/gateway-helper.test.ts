import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  FALLBACK,
  freeTcpPort,
  hasFreeradius,
  startFreeradius,
  type Freeradius,
} from '../support/freeradius.ts';
import { canMakeNamespaces, makeNamespace, type Namespace } from '../support/namespace.ts';
import { postureStubs, saying, type PostureStub } from '../support/posture-stub.ts';

const CLI = join(import.meta.dirname, '../../src/cli/drawbridge-gateway.ts');
const HOOKS = join(import.meta.dirname, '../../packaging/gateway');
const SERVER = '192.0.2.10';
const INTRANET = '192.0.2.20';
const CLASS = 'p1;n=AAAAAAAAAAAAAAAAAAAAAA';
const hex = (text: string) => `0x${Buffer.from(text).toString('hex')}`;
const hasTools = ['/usr/sbin/nft', '/usr/bin/ping'].every((file) => existsSync(file));

describe.runIf(hasFreeradius && hasTools && canMakeNamespaces)(
  'the gateway helper (needs root, freeradius, nftables, iputils-ping)',
  () => {
    let folder: string;
    let site: Awaited<ReturnType<typeof postureStubs>>;
    let stub: PostureStub;
    let gateway: Namespace;
    let lan: Namespace;
    let laptop: Namespace;
    let radius: Freeradius;
    let helper: ChildProcess;
    let relay: ChildProcess;
    let helperPort: number;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'drawbridge-helper-'));
      for (const name of ['run', 'events', 'state']) mkdirSync(join(folder, name));
      site = await postureStubs(1);
      [stub] = site.stubs as [PostureStub];
      [gateway, lan, laptop] = await Promise.all([makeNamespace(), makeNamespace(), makeNamespace()]);
      connectLan();
      relay = await relayInto(gateway, Number(new URL(stub.url).port));
      helperPort = await freeTcpPort();
      writeSettings();
      helper = await startHelper();
      radius = await startFreeradius(site.posture, { helper: helperSettings() }, gateway.inside);
    });
    beforeEach(() => {
      stub.behave({ status: 204, text: '' });
      stub.asked.splice(0);
    });
    afterAll(async () => {
      await radius?.stop();
      helper?.kill('SIGKILL');
      relay?.kill('SIGKILL');
      for (const one of [gateway, lan, laptop]) one?.remove();
      await site?.remove();
      rmSync(folder, { recursive: true, force: true });
    });

    function connectLan() {
      gateway.run(
        'ip',
        'link',
        'add',
        'lan0',
        'type',
        'veth',
        'peer',
        'name',
        'eth0',
        'netns',
        String(lan.pid),
      );
      gateway.run('ip', 'addr', 'add', '192.0.2.1/24', 'dev', 'lan0');
      gateway.run('ip', 'link', 'set', 'lan0', 'up');
      gateway.run('/bin/sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
      for (const address of [SERVER, INTRANET]) lan.run('ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      lan.run('ip', 'link', 'set', 'eth0', 'up');
      lan.run('ip', 'route', 'add', 'default', 'via', '192.0.2.1');
    }

    const helperSettings = () => ({
      port: helperPort,
      tokenFile: join(folder, 'token'),
      eventsDir: join(folder, 'events'),
      stateFile: join(folder, 'state/state.json'),
      pppRunDir: join(folder, 'run'),
      graceSeconds: 1,
      filters: {
        'posture-full': 'open',
        'posture-restrict': { reach: [SERVER] },
        'posture-quarantine': { reach: [] },
      },
    });

    function writeSettings() {
      const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
      write('token', 'a-token-of-this-test');
      write('credential', site.posture.credential);
      const settings = {
        servers: site.posture.urls,
        caFile: site.posture.caFile,
        credentialFile: 'credential',
        helper: helperSettings(),
      };
      write('gateway.yaml', JSON.stringify(settings));
    }

    async function startHelper(): Promise<ChildProcess> {
      const argv = [process.execPath, CLI, 'start', '--config', join(folder, 'gateway.yaml'), '--json'];
      const child = gateway.spawn(argv);
      let said = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
      for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
        if (line.includes('ready')) return child;
      }
      throw new Error(`the helper ended:\n${said}`);
    }

    /** The stub is outside; a socket file leads to it from inside. */
    async function relayInto(space: Namespace, port: number): Promise<ChildProcess> {
      const socket = join(folder, 'stub.sock');
      createServer((client) => {
        const onward = connect(port, '127.0.0.1');
        onward.on('error', () => client.destroy());
        client.on('error', () => onward.destroy());
        client.pipe(onward).pipe(client);
      })
        .listen(socket)
        .unref();
      const code = `const n=require('node:net');n.createServer(c=>{const o=n.connect(${JSON.stringify(socket)});o.on('error',()=>c.destroy());c.on('error',()=>o.destroy());c.pipe(o).pipe(c)}).listen(${port},'127.0.0.1',()=>console.log('ready'))`;
      const child = space.spawn([process.execPath, '-e', code]);
      await new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()));
      return child;
    }

    type Session = { unit: number; address: string; pppd: ChildProcess; interface: string };

    /** An interface as pppd makes it, and a process of that name which ends it when it is told to. */
    async function session(
      unit: number,
      { radattr = '', stubborn = false }: { radattr?: string; stubborn?: boolean } = {},
    ): Promise<Session> {
      const name = `ppp${unit}`;
      const address = `10.99.1.${200 + unit}`;
      const peer = `tun${unit}`;
      gateway.run(
        'ip',
        'link',
        'add',
        name,
        'type',
        'veth',
        'peer',
        'name',
        peer,
        'netns',
        String(laptop.pid),
      );
      gateway.run('ip', 'addr', 'add', '10.99.1.1', 'peer', address, 'dev', name);
      gateway.run('ip', 'link', 'set', name, 'up');
      laptop.run('ip', 'addr', 'add', address, 'peer', '10.99.1.1', 'dev', peer);
      laptop.run('ip', 'link', 'set', peer, 'up');
      const script = join(folder, `bin${unit}/pppd`);
      mkdirSync(join(folder, `bin${unit}`), { recursive: true });
      const trap = stubborn ? `''` : `'ip link del ${name}; exit 0'`;
      writeFileSync(script, `#!/bin/sh\ntrap ${trap} TERM\necho up\nwhile :; do sleep 0.05; done\n`, {
        mode: 0o700,
      });
      const pppd = gateway.spawn([script]);
      await new Promise<void>((resolve) => pppd.stdout?.once('data', () => resolve()));
      writeFileSync(join(folder, `run/${name}.pid`), `${pppd.pid}\n`);
      writeFileSync(join(folder, `run/radattr.${name}`), radattr);
      hook('ppp-hook');
      return { unit, address, pppd, interface: name };
    }

    function end({ pppd, interface: name }: Session) {
      pppd.kill('SIGKILL');
      gateway.run('/bin/sh', '-c', `ip link del ${name} 2>/dev/null; true`);
    }

    function hook(name: string, env: Record<string, string> = {}) {
      const child = spawn(join(HOOKS, name), {
        env: { PATH: '/usr/bin:/bin', DRAWBRIDGE_EVENTS: join(folder, 'events'), ...env },
      });
      return new Promise((resolve) => child.once('exit', resolve));
    }

    /** Whether a packet from the session's laptop comes back. */
    function reaches(one: Session, target: string): boolean {
      try {
        laptop.run('ip', 'route', 'replace', target, 'via', '10.99.1.1', 'dev', `tun${one.unit}`);
        laptop.run('/usr/bin/ping', '-c', '1', '-W', '1', '-I', one.address, target);
        return true;
      } catch {
        return false;
      }
    }

    const isThere = (one: Session) => gateway.run('ip', '-o', 'link').includes(`${one.interface}@`);
    const signed = () => [
      'Message-Authenticator = 0x00',
      `Event-Timestamp = "${Math.floor(Date.now() / 1_000)}"`,
    ];
    const disconnect = (...attributes: string[]) => radius.order('disconnect', [...signed(), ...attributes]);
    const coa = (...attributes: string[]) => radius.order('coa', [...signed(), ...attributes]);
    const rules = () => gateway.run('/usr/sbin/nft', 'list', 'table', 'inet', 'drawbridge_gateway');

    test('ends exactly the session whose Class is named', async () => {
      const [one, two] = [
        await session(0, { radattr: `Class ${CLASS}\n` }),
        await session(1, { radattr: 'Class p1;n=BBBBBBBBBBBBBBBBBBBBBB\n' }),
      ];
      expect(await disconnect('User-Name = "alice"', `Class = ${hex(CLASS)}`)).toMatchObject({
        code: 'Disconnect-ACK',
      });
      expect([isThere(one), isThere(two)]).toEqual([false, true]);
      // Again: as good as success.
      expect(await disconnect(`Class = ${hex(CLASS)}`)).toMatchObject({
        code: 'Disconnect-NAK',
        attributes: { 'Error-Cause': 'Session-Context-Not-Found' },
      });
      expect(isThere(two)).toBe(true);
      end(two);
    });

    test('ends the session whose address is named, and not one that has its unit now', async () => {
      const one = await session(2);
      expect(
        await disconnect(
          `Framed-IP-Address = ${one.address}`,
          'NAS-Port = 7',
          'Acct-Session-Id = "%lX6b%hX"',
        ),
      ).toMatchObject({ code: 'Disconnect-NAK' });
      expect(isThere(one)).toBe(true);
      expect(
        await disconnect(
          `Framed-IP-Address = ${one.address}`,
          'NAS-Port = 2',
          'Acct-Session-Id = "%lX6b%hX"',
        ),
      ).toMatchObject({ code: 'Disconnect-ACK' });
      expect(isThere(one)).toBe(false);
    });

    test('never ends a process that is no pppd, whatever a pid file says', async () => {
      const one = await session(3);
      const bystander = gateway.spawn(['/bin/sleep', '600']);
      writeFileSync(join(folder, 'run/ppp3.pid'), `${bystander.pid}\n`);
      expect(await disconnect(`Framed-IP-Address = ${one.address}`)).toMatchObject({
        code: 'Disconnect-NAK',
        attributes: { 'Error-Cause': 'Session-Context-Not-Found' },
      });
      expect(bystander.exitCode).toBeNull();
      bystander.kill();
      end(one);
    });

    test('kills a pppd that does not end by itself, and says so when its interface stays', async () => {
      const one = await session(4, { stubborn: true });
      expect(await disconnect(`Framed-IP-Address = ${one.address}`)).toMatchObject({
        code: 'Disconnect-NAK',
        attributes: { 'Error-Cause': 'Session-Context-Not-Removable' },
      });
      expect(one.pppd.signalCode).toBe('SIGKILL');
      end(one);
    });

    test.each([
      ['a user alone', ['User-Name = "alice"'], 'Missing-Attribute'],
      ['a port alone', ['NAS-Port = 5'], 'Missing-Attribute'],
    ])('%s ends nobody', async (_what, attributes, cause) => {
      const one = await session(5);
      expect(await disconnect(...attributes)).toMatchObject({
        code: 'Disconnect-NAK',
        attributes: { 'Error-Cause': cause },
      });
      expect(isThere(one)).toBe(true);
      end(one);
    });

    test('a request of before, and one without Message-Authenticator, end nobody', async () => {
      const one = await session(6);
      const old = `Event-Timestamp = "${Math.floor(Date.now() / 1_000) - 400}"`;
      const address = `Framed-IP-Address = ${one.address}`;
      const late = await radius.order('disconnect', ['Message-Authenticator = 0x00', old, address]);
      expect(late).toMatchObject({
        code: 'Disconnect-NAK',
        attributes: { 'Error-Cause': 'Invalid-Request' },
      });
      const bare = await radius.order('disconnect', [signed()[1] ?? '', address]);
      expect(bare.code).not.toBe('Disconnect-ACK');
      expect(isThere(one)).toBe(true);
      end(one);
    });

    test('moves a session into quarantine and back, and to what it may still reach', async () => {
      const one = await session(7);
      const name = `Framed-IP-Address = ${one.address}`;
      const reach = () => [SERVER, INTRANET, '192.0.2.1'].map((target) => reaches(one, target));
      expect(reach()).toEqual([true, true, true]);
      expect(await coa(name, 'Filter-Id = "posture-quarantine"')).toMatchObject({ code: 'CoA-ACK' });
      expect(reach()).toEqual([false, false, false]);
      expect(await coa(name, 'Filter-Id = "posture-restrict"')).toMatchObject({ code: 'CoA-ACK' });
      expect(reach()).toEqual([true, false, false]);
      expect(await coa(name, 'Filter-Id = "nonsense"')).toMatchObject({
        code: 'CoA-NAK',
        attributes: { 'Error-Cause': 'Invalid-Attribute-Value' },
      });
      expect(reach()).toEqual([true, false, false]);
      expect(await coa(name, 'Filter-Id = "posture-full"')).toMatchObject({ code: 'CoA-ACK' });
      expect(reach()).toEqual([true, true, true]);
      end(one);
    });

    test('a source address of the laptop’s own making does not get it out of quarantine', async () => {
      const one = await session(8);
      expect(
        await coa(`Framed-IP-Address = ${one.address}`, 'Filter-Id = "posture-quarantine"'),
      ).toMatchObject({
        code: 'CoA-ACK',
      });
      laptop.run('ip', 'addr', 'add', '10.99.1.99/32', 'dev', `tun8`);
      gateway.run('ip', 'route', 'add', '10.99.1.99', 'dev', 'ppp8');
      expect(reaches({ ...one, address: '10.99.1.99' }, INTRANET)).toBe(false);
      end(one);
    });

    test('holds a session by what its login said, and an unknown filter as the tightest', async () => {
      const restricted = await session(9, { radattr: 'Filter-Id posture-restrict\n' });
      const unknown = await session(10, { radattr: 'Filter-Id posture-restrct\n' });
      await expect.poll(() => rules(), { timeout: 20_000 }).toContain('"ppp10"');
      expect([reaches(restricted, SERVER), reaches(restricted, INTRANET)]).toEqual([true, false]);
      expect(reaches(unknown, SERVER)).toBe(false);
      // Whoever gets the address next is not held by it.
      end(unknown);
      await expect.poll(() => rules(), { timeout: 20_000 }).not.toContain('10.99.1.210');
      end(restricted);
    });

    test('quarantine outlives the helper', async () => {
      const one = await session(11);
      await coa(`Framed-IP-Address = ${one.address}`, 'Filter-Id = "posture-quarantine"');
      helper.kill('SIGKILL');
      await new Promise((resolve) => helper.once('exit', resolve));
      expect(reaches(one, INTRANET)).toBe(false);
      // While it is away FreeRADIUS says so at once.
      expect(await disconnect(`Framed-IP-Address = ${one.address}`)).toMatchObject({
        code: 'Disconnect-NAK',
        attributes: { 'Error-Cause': 'Resources-Unavailable' },
      });
      helper = await startHelper();
      expect(reaches(one, INTRANET)).toBe(false);
      expect(await coa(`Framed-IP-Address = ${one.address}`, 'Filter-Id = "posture-full"')).toMatchObject({
        code: 'CoA-ACK',
      });
      expect(reaches(one, INTRANET)).toBe(true);
      end(one);
    });

    const peer = (verb: string, more: Record<string, string> = {}) =>
      hook('updown', {
        PLUTO_VERB: verb,
        PLUTO_PEER: '198.51.100.7',
        PLUTO_PEER_ID: 'O=Example, CN=d_ärger',
        PLUTO_UNIQUEID: '1',
        PLUTO_REQID: '1',
        ...more,
      });
    const told = () =>
      stub.asked
        .filter(({ path }) => path === '/v1/gateway/identity')
        .map(({ text }) => JSON.parse(Buffer.from(text, 'latin1').toString()) as Record<string, unknown>);

    test('tells the server which IPsec peer comes and goes, once it can be told', async () => {
      stub.behave({ status: 503, text: '' });
      await peer('up-host');
      await expect.poll(() => told().length, { timeout: 20_000 }).toBeGreaterThan(0);
      stub.behave({ status: 204, text: '' });
      stub.asked.splice(0);
      await expect.poll(told, { timeout: 20_000 }).toEqual([
        {
          event: 'up',
          peerAddress: '198.51.100.7',
          peerId: 'O=Example, CN=d_ärger',
          proof: null,
          at: expect.stringMatching(/^\d{4}-.*Z$/),
        },
      ]);
      expect(stub.asked[0]?.headers.authorization).toBe(`Bearer ${site.posture.credential}`);
      await peer('down-host');
      await expect.poll(() => told().at(-1), { timeout: 20_000 }).toMatchObject({ event: 'down' });
    });

    describe('last known good', () => {
      // A fresh memory: above, sessions were ended without saying whose.
      beforeAll(async () => {
        await radius.stop();
        radius = await startFreeradius(site.posture, { helper: helperSettings() }, gateway.inside);
      });

      const login = (user: string) => radius.login({ user, station: '198.51.100.7' });
      const ALLOW = saying('allow', { 'Filter-Id': 'posture-full' });
      /** What the server would be asked tells whether the peer is known by now. */
      const known = async (pattern: RegExp) => {
        stub.behave(ALLOW);
        const asked = async () => {
          await login('probe');
          return (JSON.parse(stub.asked.at(-1)?.text ?? '{}') as { peer_id?: string }).peer_id;
        };
        await expect.poll(asked, { timeout: 20_000 }).toMatch(pattern);
      };
      const identityOf = async (id: string, verb: string) => {
        stub.behave({ status: 204, text: '' });
        await peer(verb, { PLUTO_PEER_ID: id });
      };

      test('is that of the IPsec peer, not of another from the same address', async () => {
        await identityOf('CN=good', 'up-host');
        await known(/^[0-9a-f]{64}$/);
        expect(await login('carol')).toMatchObject({ attributes: { 'Filter-Id': 'posture-full' } });
        stub.behave({ status: 503, text: '' });
        expect(await login('carol')).toMatchObject({ attributes: { 'Session-Timeout': '900' } });
        // A neighbour’s tunnel beside it: whose login it is, nobody knows.
        await identityOf('CN=ill', 'up-host');
        stub.behave({ status: 503, text: '' });
        await expect.poll(() => login('carol'), { timeout: 20_000 }).toMatchObject({ attributes: FALLBACK });
        // Only the neighbour is left.
        await identityOf('CN=good', 'down-host');
        await known(/^[0-9a-f]{64}$/);
        stub.behave({ status: 503, text: '' });
        expect(await login('carol')).toMatchObject({ attributes: FALLBACK });
        await identityOf('CN=ill', 'down-host');
      });

      test('is over for whoever was thrown out, even where the session was gone', async () => {
        await known(/^$/);
        await login('dave');
        stub.behave({ status: 503, text: '' });
        expect(await login('dave')).toMatchObject({ attributes: { 'Session-Timeout': '900' } });
        await disconnect('User-Name = "dave"', 'Framed-IP-Address = 10.99.1.250');
        expect(await login('dave')).toMatchObject({ attributes: FALLBACK });
      });

      test('is over for everybody once somebody without a name was', async () => {
        await known(/^$/);
        await login('erin');
        await disconnect('Framed-IP-Address = 10.99.1.250');
        stub.behave({ status: 503, text: '' });
        expect(await login('erin')).toMatchObject({ attributes: FALLBACK });
      });
    });
  },
);
