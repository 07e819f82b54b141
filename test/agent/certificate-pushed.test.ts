// The whole agent with the real server: a certificate comes with the verdict and goes with it, and nobody has to ask for it.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { checkIds } from '../../collectors/specs.ts';
import type { VpnWays } from '../../src/agent/agent.ts';
import type { CertificateStore } from '../../src/agent/certificate/certificate-store.ts';
import { enrol } from '../../src/agent/enrol.ts';
import { enrolmentState } from '../../src/agent/enrolment.ts';
import { statePaths } from '../../src/agent/paths.ts';
import { stateFile } from '../../src/agent/state-file.ts';
import { noIsolation } from '../../src/agent/vpn-part.ts';
import { systemClock } from '../../src/base/clock.ts';
import { known } from '../../src/base/reading.ts';
import { parseToken } from '../../src/wire/token.ts';
import { OPEN_DETECTION } from '../server/fixtures.ts';
import { expectEventually, startRig, type Rig } from '../server/rig.ts';
import { keyHome, quiet, readersWith, startAgent, temporaryFolder } from './harness.ts';
import { MemoryDriver } from './memory-driver.ts';

/** One check decides, so that nothing else of this machine matters. */
const policy = JSON.stringify({
  version: 1,
  name: 'one check',
  access: { low: 'allow', medium: 'restrict', high: 'deny' },
  checks: {
    ...Object.fromEntries(checkIds.map((id) => [id, { weight: 0 }])),
    detections: { weight: 100, floor: 'high' },
  },
});

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({ authority: true, policy, settings: { ca: { crl: { port: 0 } } } });
}, 60_000);
afterAll(() => rig.close());

/** An agent whose VPN software keeps a list of what it was given, in order. */
async function laptop() {
  const events: ('installed' | 'removed')[] = [];
  const store: CertificateStore = {
    install: async () => void events.push('installed'),
    remove: async () => void events.push('removed'),
  };
  const machine = { infected: true, events };
  const folder = await temporaryFolder();
  const token = parseToken(await rig.token());
  if (!token.ok) throw new Error(token.error);
  const { device } = await enrol({
    route: { url: new URL(rig.target.url), proxy: 'none', env: {} },
    token: token.value,
    file: stateFile(statePaths(folder).enrolment, enrolmentState, quiet),
    keys: { wanted: 'file', home: keyHome(folder), platform: 'linux', isRoot: true, hasSession: false },
    host: { name: 'laptop', platform: 'linux', machine_id: null },
    clock: systemClock,
    again: false,
  });
  const agent = startAgent(folder, {
    everySeconds: 0.2,
    readers: readersWith({
      detections: async () => known({ ...OPEN_DETECTION, open: machine.infected ? OPEN_DETECTION.open : [] }),
    }),
    openVpn: async (): Promise<VpnWays> => ({
      vpn: { name: 'memory', driver: new MemoryDriver(), defaultMode: 'enforce' },
      isolation: noIsolation,
      l2tpServer: null,
      certificates: store,
      credentials: null,
      isRoot: true,
    }),
  });
  onTestFinished(() => void agent.stop());
  if (device === null) throw new Error('not enrolled');
  return { machine, device };
}

/** What the server put on record about a device's certificates. */
async function record(device: string): Promise<string[]> {
  return (await rig.audit()).filter((line) => line.includes(device) && line.includes('certificate'));
}

test('while ill it has none and asks for none; with the verdict it comes, and with the next it goes and is revoked', async () => {
  const { machine, device } = await laptop();
  const access = async () => (await rig.document(device)).decision?.access;
  await expectEventually(access, (now) => now === 'deny', 20_000);
  machine.infected = false;
  await expectEventually(
    () => machine.events.at(-1),
    (last) => last === 'installed',
    20_000,
  );
  expect(await access()).toBe('allow');
  // Nothing was asked for in vain: the agent knew from the decision when it would be given one.
  const seen = await record(device);
  expect(seen.filter((line) => line.includes('refuse'))).toEqual([]);
  expect(seen.filter((line) => line.includes('issue'))).toHaveLength(1);
  machine.infected = true;
  await expectEventually(
    () => machine.events.at(-1),
    (last) => last === 'removed',
    20_000,
  );
  await expectEventually(
    () => record(device),
    (lines) => lines.includes(`server revoke certificates ${device}`),
    20_000,
  );
  expect(await access()).toBe('deny');
  machine.infected = false;
  await expectEventually(
    () => machine.events.at(-1),
    (last) => last === 'installed',
    20_000,
  );
  expect((await record(device)).filter((line) => line.includes('issue'))).toHaveLength(2);
}, 60_000);
