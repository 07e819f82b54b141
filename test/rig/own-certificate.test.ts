import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { beforeAll, describe, expect, test } from 'vitest';
import { softwareVpnKey } from '../../src/agent/certificate/vpn-key.ts';
import { PemConverter } from '../../src/base/x509.ts';
import { officeProfile } from '../support/vpn-profile.ts';
import { theRig } from './each.ts';
import type { RigNode } from './node.ts';
import { addresses } from './rig.ts';
import {
  attemptByCertificate,
  deviceConnection,
  startCertifiedGateway,
  takeList,
} from './stack/certified.ts';
import type { Agent } from './stack/agent.ts';
import type { Gateway } from './stack/gateway.ts';
import { type PlainLaptop, setUpAnew, startPlainLaptop } from './stack/plain-laptop.ts';
import { command, type Posture, startPosture } from './stack/posture.ts';
import { GATEWAY_NAME, makeSecrets, type Secrets } from './stack/secrets.ts';

const PING = ['ping', '-c2', '-i0.2', '-W5', addresses.corp];
const CRL_PORT = 8080;
/** Milliseconds: each of them dials several times, and a machine that others keep busy needs its time for that. */
const SLOWLY = 400_000;
const OWN = '/etc/swanctl/x509/drawbridge-device.pem';
const OWN_KEY = '/etc/swanctl/private/drawbridge-device.pem';

/** What whoever reads the laptop's disk as root has. */
type Copies = { certificate: string; key: string; user: string; password: string };

/** One story, in this order: each test begins where the one before it ended. */
describe('a device’s own certificate and password', () => {
  let secrets: Secrets;
  let posture: Posture;
  let gateway: Gateway;
  let laptop: PlainLaptop;
  let thief: PlainLaptop;
  let agent: Agent;
  let chain: { issuing: string; root: string };
  let copies: Copies;

  beforeAll(async () => {
    secrets = await makeSecrets();
    const rig = theRig();
    await rig.reset();
    const key = await softwareVpnKey();
    posture = await startPosture(rig, secrets, {}, (data) => authorityIn(data, key));
    gateway = await startCertifiedGateway(rig.node('gw'), secrets, chain);
    await gateway.radius('gate');
    laptop = await startPlainLaptop(rig.node('lt'), secrets);
    thief = await startPlainLaptop(rig.node('lt2'), secrets);
    await readConfD(laptop.node);
    await readConfD(thief.node);
    agent = await posture.startAgent(laptop.node);
  }, 600_000);

  /** The server's authority and passwords, and the gateway's certificate from it, as docs/certificates.md has it. */
  function authorityIn(data: string, { key, csr }: { key: string; csr: Uint8Array }): void {
    const settings = {
      ca: { crl: { host: '0.0.0.0', port: CRL_PORT } },
      credentials: { hours: 12 },
    };
    appendFileSync(join(data, 'server.yaml'), stringify(settings));
    const ca = (...argv: string[]) => command('drawbridge-server.ts', ['ca', ...argv, '--data', data]);
    ca('init');
    const request = join(data, 'gw.csr');
    writeFileSync(request, PemConverter.encode(csr as Uint8Array<ArrayBuffer>, 'CERTIFICATE REQUEST'));
    secrets.gateway = {
      certificate: ca('issue', request, '--name', GATEWAY_NAME, '--name', addresses.gateway),
      key,
    };
    const pem = (name: string) => readFileSync(join(data, 'ca', name), 'utf8');
    chain = { issuing: pem('issuing.pem'), root: pem('root.pem') };
  }

  async function readConfD(node: RigNode): Promise<void> {
    await node.must(
      'mkdir -p /etc/swanctl/conf.d; echo "include conf.d/*.conf" >> /etc/swanctl/swanctl.conf; swanctl --load-all --noprompt',
    );
  }

  const isThere = (path: string) => laptop.node.waitFor(`test -s ${path}`, 120);

  /** By order, and with no secret in it. */
  async function setToOwn(): Promise<void> {
    const profile = officeProfile(secrets, {
      machine: { kind: 'device-certificate', authority: null, gatewayId: GATEWAY_NAME },
      user: { name: `dev-${agent.device}`, password: null },
    });
    await agent.untilProven(await agent.order('set', { profile, up: true }));
  }

  /** Another computer with the copies: first by the certificate alone, then by the password over the shared key. */
  async function tryCopies({ certificate, key, user, password }: Copies) {
    const { node } = thief;
    await node.write({
      '/etc/swanctl/conf.d/device.conf': deviceConnection,
      '/etc/swanctl/x509ca/drawbridge-device-root.pem': chain.root,
      '/etc/swanctl/x509ca/drawbridge-device-issuing.pem': chain.issuing,
      [OWN]: certificate,
      [OWN_KEY]: { text: key, mode: 0o600 },
    });
    await setUpAnew(node, { ...secrets, user, password }, {});
    await readConfD(node);
    const ike = await attemptByCertificate(gateway, node);
    const ppp = await thief.dial();
    await thief.hangUp();
    return { ike, ppp };
  }

  test(
    'set by order to both: a session, and the gateway and the gate know which device it is',
    async () => {
      await isThere(OWN);
      await expect
        .poll(() => posture.rows('SELECT epoch FROM vpn_credentials WHERE epoch IS NOT NULL'), {
          timeout: 180_000,
          interval: 1_000,
        })
        .toHaveLength(1);
      await setToOwn();
      await laptop.node.must(PING);
      expect(await gateway.node.must('swanctl --list-sas')).toContain(`CN=${agent.device}`);
      expect(await posture.rows('SELECT device, identity FROM logins ORDER BY at DESC LIMIT 1')).toEqual([
        { device: agent.device, identity: 'credential' },
      ]);
      // Where NetworkManager's plugin reads them, too.
      for (const path of ['certs/drawbridge-device', 'cacerts/drawbridge-device-root'])
        expect(await laptop.node.read(`/etc/ipsec.d/${path}.pem`)).toContain('BEGIN CERTIFICATE');
    },
    SLOWLY,
  );

  test(
    'control: while the device is well, a copy of its files gets in',
    async () => {
      const options = await laptop.node.read('/etc/ppp/options.drawbridge-office');
      copies = {
        certificate: await laptop.node.read(OWN),
        key: await laptop.node.read(OWN_KEY),
        user: /^name "(.*)"$/m.exec(options)?.[1] ?? '',
        password: /^password "(.*)"$/m.exec(options)?.[1] ?? '',
      };
      const { ike, ppp } = await tryCopies(copies);
      expect(ike.code, ike.said).toBe(0);
      expect(ppp.code, ppp.stdout).toBe(0);
    },
    SLOWLY,
  );

  test(
    'ill: its session ends, certificate and password are gone from it',
    async () => {
      await agent.setHealthy(false);
      await agent.untilOrdered('deny');
      await laptop.node.waitFor('! ls -d /sys/class/net/ppp*');
      await laptop.node.waitFor(
        `! test -e ${OWN} && ! test -e ${OWN_KEY} && ! test -e /etc/ipsec.d/certs/drawbridge-device.pem`,
      );
      await laptop.node.waitFor('! grep -q "^password" /etc/ppp/options.drawbridge-office');
      expect(await gateway.sessions()).toEqual([]);
    },
    SLOWLY,
  );

  test(
    'and copies of them are dead: the certificate is on the list, the password is none',
    async () => {
      await takeList(gateway, `curl -sSf http://${addresses.server}:${CRL_PORT}/crl/devices.crl`);
      const { ike, ppp } = await tryCopies(copies);
      expect(ike.code).not.toBe(0);
      expect(ike.said).toContain('certificate was revoked');
      expect(ppp.code, ppp.stdout).not.toBe(0);
      expect(ppp.stdout).toContain('authentication failed');
      expect(await gateway.sessions()).toEqual([]);
    },
    SLOWLY,
  );

  test(
    'well again: others take their place, and the copies stay dead',
    async () => {
      await agent.setHealthy(true);
      await agent.untilOrdered('allow');
      await isThere(OWN);
      expect(await laptop.node.read(OWN)).not.toBe(copies.certificate);
      await laptop.node.waitFor('grep -q "^password" /etc/ppp/options.drawbridge-office', 120);
      await setToOwn();
      await laptop.node.must(PING);
      const { ike, ppp } = await tryCopies(copies);
      expect(ike.code).not.toBe(0);
      expect(ppp.code).not.toBe(0);
    },
    SLOWLY,
  );
});
