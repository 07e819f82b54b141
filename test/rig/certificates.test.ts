import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { softwareVpnKey } from '../../src/agent/certificate/vpn-key.ts';
import type { CertificateAuthority } from '../../src/server/ca/authority.ts';
import { readCsr } from '../../src/server/ca/csr.ts';
import { authorityPaths, createHierarchy, loadHierarchy } from '../../src/server/ca/hierarchy.ts';
import { internalAuthority } from '../../src/server/ca/internal.ts';
import { deviceProfile, gatewayProfile, type Profile } from '../../src/server/ca/profile.ts';
import { theRig } from './each.ts';
import type { RigNode } from './node.ts';
import { addresses } from './rig.ts';
import {
  attemptByCertificate,
  deviceConnection,
  startCertifiedGateway,
  takeList,
} from './stack/certified.ts';
import type { Gateway } from './stack/gateway.ts';
import { startPlainLaptop } from './stack/plain-laptop.ts';
import { GATEWAY_NAME, makeSecrets } from './stack/secrets.ts';

const HOUR_MS = 3_600_000;
const settings = { domain: 'devices.example.test', deviceHours: 24, gatewayDays: 30 };
const deviceId = (number: number) => `01930000-0000-7000-8000-00000000000${number}`;

type Given = { certificate: string; key: string; serial: string };

/** The server's authority with the agent's keys; strongSwan at both ends. */
describe('certificates of the authority, to strongSwan', () => {
  let gateway: Gateway;
  let laptop: RigNode;
  let authority: CertificateAuthority;

  beforeAll(async () => {
    const secrets = await makeSecrets();
    authority = await newAuthority();
    const { issuing, root } = await authority.chain();
    secrets.gateway = await issue(gatewayProfile([GATEWAY_NAME, addresses.gateway], settings));
    const rig = theRig();
    await rig.reset();
    gateway = await startCertifiedGateway(rig.node('gw'), secrets, { issuing, root });
    laptop = rig.node('lt');
    await startPlainLaptop(laptop, secrets);
    await laptop.write({
      '/etc/swanctl/conf.d/device.conf': deviceConnection,
      '/etc/swanctl/x509ca/drawbridge-device-root.pem': root,
      '/etc/swanctl/x509ca/drawbridge-device-issuing.pem': issuing,
    });
    await laptop.must('echo "include conf.d/*.conf" >> /etc/swanctl/swanctl.conf');
  }, 400_000);

  /** Made ten days ago, so that there can be certificates that have ended. */
  async function newAuthority(): Promise<CertificateAuthority> {
    const folder = await mkdtemp(join(tmpdir(), 'drawbridge-rig-ca-'));
    const paths = authorityPaths(folder);
    const made = { organisation: 'Rig', now: Date.now() - 240 * HOUR_MS };
    await createHierarchy(paths, join(folder, 'root'), made);
    expect(await readFile(paths.root, 'utf8')).toContain('BEGIN CERTIFICATE');
    const hierarchy = await loadHierarchy(paths);
    await rm(folder, { recursive: true });
    if (hierarchy === null) throw new Error('no authority');
    const { issuing: certificate, root, key } = hierarchy;
    return internalAuthority({ certificate, root, key, crlUrl: null, crlValidMs: HOUR_MS });
  }

  async function issue(profile: Profile, now = Date.now()): Promise<Given> {
    const { key, csr: der } = await softwareVpnKey();
    const csr = await readCsr(der, profile);
    if (!csr.ok) throw new Error(csr.error);
    const signed = await authority.sign(csr.value, profile, now);
    if (!signed.ok) throw new Error(signed.error);
    return { certificate: signed.value.certificate, key, serial: signed.value.serial };
  }

  /** Where the agent puts them, under the names that stay. */
  async function install({ certificate, key }: Given): Promise<void> {
    await laptop.write({
      '/etc/swanctl/x509/drawbridge-device.pem': certificate,
      '/etc/swanctl/private/drawbridge-device.pem': { text: key, mode: 0o600 },
    });
    await laptop.must('swanctl --load-all --clear --noprompt');
  }

  async function publish(serials: readonly string[]): Promise<void> {
    const revoked = serials.map((serial) => ({
      serial,
      revokedAt: Date.now(),
      reason: 'privilegeWithdrawn' as const,
    }));
    const list = await authority.crl?.(revoked, Date.now(), Date.now());
    const base64 = Buffer.from(list ?? []).toString('base64');
    await takeList(gateway, `echo ${base64} | base64 -d`);
  }

  test('a healthy device’s certificate is accepted, and its name is the device', async () => {
    await install(await issue(deviceProfile(deviceId(1), settings)));
    const { code, said, log } = await attemptByCertificate(gateway, laptop);
    expect(code, said).toBe(0);
    expect(log).toMatch(new RegExp(`IKE_SA l2tp-cert.* established between .*\\[CN=${deviceId(1)}\\]`));
  });

  test('one that is on the list is refused; another device’s goes on being accepted', async () => {
    const [bad, good] = [
      await issue(deviceProfile(deviceId(2), settings)),
      await issue(deviceProfile(deviceId(3), settings)),
    ];
    await publish([bad.serial]);
    await install(bad);
    const refused = await attemptByCertificate(gateway, laptop);
    expect(refused.code).not.toBe(0);
    expect(refused.said).toContain('certificate was revoked');
    await install(good);
    const accepted = await attemptByCertificate(gateway, laptop);
    expect(accepted.code, accepted.said).toBe(0);
  });

  test('one that has ended is refused', async () => {
    await install(await issue(deviceProfile(deviceId(4), settings), Date.now() - 25 * HOUR_MS));
    const { code, said } = await attemptByCertificate(gateway, laptop);
    expect(code).not.toBe(0);
    expect(said).toMatch(/subject certificate invalid|certificate.*(expired|not valid)/);
  });
});
