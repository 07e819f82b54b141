import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createBell } from '../../src/agent/bell.ts';
import {
  certificateState,
  type CertificateState,
  type CertificateStore,
} from '../../src/agent/certificate/certificate-store.ts';
import { CertificateKeeper } from '../../src/agent/certificate/keeper.ts';
import { certificateOrders } from '../../src/agent/certificate/orders.ts';
import { softwareVpnKey } from '../../src/agent/certificate/vpn-key.ts';
import type { CorrectedClock } from '../../src/agent/corrected-clock.ts';
import { stateFile } from '../../src/agent/state-file.ts';
import type { CertificateStatus } from '../../src/agent/status.ts';
import { systemClock } from '../../src/base/clock.ts';
import { readCsr } from '../../src/server/ca/csr.ts';
import { authorityPaths, createHierarchy, loadHierarchy } from '../../src/server/ca/hierarchy.ts';
import { internalAuthority } from '../../src/server/ca/internal.ts';
import { deviceProfile } from '../../src/server/ca/profile.ts';
import type { CertificateAuthority } from '../../src/server/ca/authority.ts';
import type { OrderClaims } from '../../src/wire/order.ts';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { eventually, quiet, temporaryFolder } from './harness.ts';

const HOUR_MS = 3_600_000;
const DEVICE = '01930000-0000-7000-8000-000000000001';
const ALLOW = { access: 'allow', reason: 'ok' } as const;
const DENY = { access: 'deny', reason: 'detection-severe' } as const;

let authority: CertificateAuthority;
let other: CertificateAuthority;

beforeAll(async () => {
  [authority, other] = [await newAuthority(), await newAuthority()];
}, 60_000);

async function newAuthority(): Promise<CertificateAuthority> {
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-ca-'));
  const paths = authorityPaths(folder);
  await createHierarchy(paths, join(folder, 'root'), { organisation: 'Test', now: Date.now(), bits: 2_048 });
  const hierarchy = await loadHierarchy(paths);
  if (hierarchy === null) throw new Error('no authority');
  await rm(folder, { recursive: true });
  const { issuing: certificate, root, key } = hierarchy;
  return internalAuthority({ certificate, root, key, crlUrl: null, crlValidMs: HOUR_MS });
}

class MemoryStore implements CertificateStore {
  there: string | null = null;
  problem: string | null = null;
  async install({ certificate }: { certificate: string }) {
    if (this.problem !== null) throw new Error(this.problem);
    this.there = certificate;
  }
  async remove() {
    this.there = null;
  }
}

async function start(folder?: string, store = new MemoryStore()) {
  const home = folder ?? (await temporaryFolder());
  let offset = 0;
  const clock: CorrectedClock = {
    ...systemClock,
    now: () => systemClock.now() + offset,
    offsetMs: () => 0,
    uncorrected: () => systemClock.now() + offset,
    correct: () => false,
  };
  const path = join(home, 'certificate.json');
  const said: { status: CertificateStatus | null } = { status: null };
  const keeper = new CertificateKeeper({
    store,
    file: stateFile(path, certificateState, quiet),
    clock,
    log: quiet,
    keys: () => ({ newVpnKey: softwareVpnKey }),
    ready: createBell<void>(),
    tell: (status) => (said.status = status),
    random: () => 0.5,
  });
  await keeper.offered(DEVICE);
  // A key is made beside everything else: the folder stays until that is over.
  onTestFinished(async () => {
    const idle = ({ next, dropped }: CertificateState) => next !== null || dropped;
    await eventually('the next key', async () =>
      idle(certificateState().parse(JSON.parse(await readFile(path, 'utf8')))),
    );
  });
  return { keeper, store, clock, path, home, said, advance: (ms: number) => (offset += ms) };
}

type Started = Awaited<ReturnType<typeof start>>;

const dueSoon = ({ keeper }: Started) => eventually('a request', () => keeper.due());

async function answer(csr: string, now: number, by = authority) {
  const der = Buffer.from(csr, 'base64');
  const profile = deviceProfile(DEVICE, { domain: 'devices.test', deviceHours: 24, gatewayDays: 30 });
  const read = await readCsr(der, profile);
  if (!read.ok) throw new Error(read.error);
  const signed = await by.sign(read.value, profile, now);
  if (!signed.ok) throw new Error(signed.error);
  const { certificate } = signed.value;
  return { iss: '', aud: '', iat: 0, csr: read.value.digest, certificate, ...(await by.chain()) };
}

/** Asked and answered. */
async function certified(started: Started): Promise<string> {
  const { keeper, clock } = started;
  await keeper.decided(ALLOW);
  const csr = await dueSoon(started);
  expect((await keeper.take(await answer(csr, clock.now()))).ok).toBe(true);
  return csr;
}

describe('the certificate of a device', () => {
  test('is asked for only while the decision allows, with a key made beforehand', async () => {
    const started = await start();
    const { keeper, store, said } = started;
    expect(keeper.due()).toBe(null);
    await keeper.decided({ access: 'restrict', reason: 'ok' });
    expect(keeper.due()).toBe(null);
    await certified(started);
    expect(store.there).toContain('BEGIN CERTIFICATE');
    expect(said.status).toMatchObject({ installed: true, problem: null });
    expect(keeper.due()).toBe(null);
  });

  test('is usable by VPN software while it is installed and has not ended; otherwise it is said why not', async () => {
    const started = await start();
    const { keeper, store } = started;
    expect(keeper.whyNotUsable()).toBe('this device has no certificate of its own');
    await keeper.decided(ALLOW);
    await dueSoon(started);
    const retry = { t: 'certificate-refused' as const, csr: null, retry_s: 30 };
    await keeper.refused({ ...retry, err: 'not_healthy', hint: 'Mend it.' });
    expect(keeper.whyNotUsable()).toBe('this device has no certificate of its own (not_healthy: Mend it.)');
    started.advance(31_000);
    store.problem = 'No VPN software.';
    await certified(started);
    expect(keeper.whyNotUsable()).toContain('is not where VPN software reads it (No VPN software.)');
    store.problem = null;
    started.advance(61_000);
    await keeper.decided(ALLOW);
    expect(keeper.whyNotUsable()).toBe(null);
    started.advance(25 * HOUR_MS);
    expect(keeper.whyNotUsable()).toMatch(/certificate ended at 2/);
  });

  test('is renewed at two thirds of its life, with another key, and not while unhealthy', async () => {
    const started = await start();
    const first = await certified(started);
    const old = started.store.there;
    started.advance(15.5 * HOUR_MS);
    expect(started.keeper.due()).toBe(null);
    started.advance(0.8 * HOUR_MS);
    await started.keeper.decided({ access: 'restrict', reason: 'ok' });
    expect(started.keeper.due()).toBe(null);
    const second = await certified(started);
    expect(second).not.toBe(first);
    expect(started.store.there).not.toBe(old);
  });

  test('is given up when the device is denied, kept when it was only silent, and asked for anew once well', async () => {
    const started = await start();
    await certified(started);
    await started.keeper.decided({ access: 'deny', reason: 'agent-silent' });
    expect(started.store.there).not.toBe(null);
    await started.keeper.decided(DENY);
    expect(started.store.there).toBe(null);
    expect(await readFile(started.path, 'utf8')).not.toContain('BEGIN CERTIFICATE');
    await certified(started);
    expect(started.store.there).not.toBe(null);
  });

  test('waits as it is told, asks with the same request, and with a new one where that is refused for good', async () => {
    const started = await start();
    const { keeper } = started;
    await keeper.decided(ALLOW);
    const csr = await dueSoon(started);
    const no = { t: 'certificate-refused' as const, csr: null, hint: 'wait' };
    await keeper.refused({ ...no, err: 'outdated', retry_s: 30 });
    expect(keeper.due()).toBe(null);
    started.advance(31_000);
    expect(keeper.due()).toBe(csr);
    await keeper.refused({ ...no, err: 'replayed', retry_s: null });
    started.advance(31_000);
    expect(await dueSoon(started)).not.toBe(csr);
    expect(started.said.status?.problem).toContain('replayed');
  });

  test('is not taken for another key, for another request, or from who did not sign it', async () => {
    const [one, two] = [await start(), await start()];
    await one.keeper.decided(ALLOW);
    await two.keeper.decided(ALLOW);
    const [csr, foreign] = [await dueSoon(one), await dueSoon(two)];
    const [own, theirs] = [await answer(csr, Date.now()), await answer(foreign, Date.now())];
    expect(await one.keeper.take(theirs)).toMatchObject({ ok: false });
    expect(await one.keeper.take({ ...theirs, csr: own.csr })).toMatchObject({ ok: false });
    expect(await one.keeper.take({ ...own, ...(await other.chain()) })).toMatchObject({ ok: false });
    expect(await one.keeper.take({ ...own, certificate: 'nonsense' })).toMatchObject({ ok: false });
    expect(one.store.there).toBe(null);
    expect(await one.keeper.take(own)).toMatchObject({ ok: true });
  });

  test('outlives a restart in a file of its owner alone; another enrolment starts without it', async () => {
    const started = await start();
    await certified(started);
    expect((await stat(started.path)).mode & 0o777).toBe(0o600);
    const again = await start(started.home, started.store);
    await again.keeper.decided(ALLOW);
    expect(again.keeper.due()).toBe(null);
    expect(again.keeper.held?.serial).toBe(started.keeper.held?.serial);
    await again.keeper.offered('01930000-0000-7000-8000-000000000002');
    expect(again.keeper.held).toBe(null);
    expect(again.store.there).toBe(null);
  });

  test('what the VPN software would not take is tried again', async () => {
    const started = await start();
    started.store.problem = 'charon is not well';
    await certified(started);
    expect(started.said.status).toMatchObject({ installed: false, problem: 'charon is not well' });
    started.store.problem = null;
    await started.keeper.decided(ALLOW);
    expect(started.store.there).toBe(null);
    started.advance(61_000);
    await started.keeper.decided(ALLOW);
    expect(started.store.there).not.toBe(null);
  });
});

describe('orders', () => {
  const claims = {} as OrderClaims;
  const planOf = (started: Started, order: 'update' | 'delete') => {
    const handlers = certificateOrders({ keeper: started.keeper, clock: started.clock });
    const plan = handlers[`${order} x-posture:cert`]?.(claims);
    if (plan?.ok !== true) throw new Error('no plan');
    return plan.value;
  };

  test('update brings a new one, delete takes it away until the next update', async () => {
    const started = await start();
    await certified(started);
    const before = started.keeper.held?.serial;
    const running = planOf(started, 'update').run(new AbortController().signal);
    const csr = await dueSoon(started);
    await started.keeper.take(await answer(csr, started.clock.now()));
    expect(await running).toMatchObject({ status: 200 });
    expect(started.keeper.held?.serial).not.toBe(before);
    expect(await planOf(started, 'delete').run(new AbortController().signal)).toMatchObject({ status: 200 });
    expect(started.store.there).toBe(null);
    await started.keeper.decided(ALLOW);
    expect(started.keeper.due()).toBe(null);
    await started.keeper.renew();
    expect(await dueSoon(started)).not.toBe(null);
  });

  test('where no certificates are kept, they are answered as not implemented', () => {
    const handlers = certificateOrders({ keeper: null, clock: systemClock });
    expect(handlers['update x-posture:cert']?.(claims)).toMatchObject({ ok: false, error: { status: 501 } });
  });
});
