import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { VpnFailure } from '../../src/agent/vpn/driver.ts';
import { nullDriver } from '../../src/agent/vpn/null.ts';
import { softwareKeys, generateKeys } from '../../src/agent/keys.ts';
import { uuidv7 } from '../../src/agent/uuid.ts';
import { systemClock } from '../../src/base/clock.ts';
import { sealProfile } from '../../src/wire/sealed-profile.ts';
import { vpnProfile, type VpnProfile } from '../../src/wire/vpn.ts';
import { testClock } from '../server/rig.ts';
import { MemoryDriver } from './memory-driver.ts';
import { MemoryFile, MemoryIsolation, vpnRig, type VpnRig, type VpnRigOptions } from './vpn-rig.ts';

let driver: MemoryDriver;
beforeEach(() => {
  driver = new MemoryDriver(['office', 'branch']);
});

const rig = (options: Partial<VpnRigOptions> = {}) => vpnRig({ driver, clock: systemClock, ...options });

function running({ keeper }: VpnRig): void {
  const control = new AbortController();
  void keeper.run(control.signal);
  onTestFinished(() => control.abort());
}

const profile = vpnProfile().parse({
  name: 'office',
  gateway: 'vpn2.example.com',
  machine: { kind: 'psk', psk: 'a very shared key' },
  user: null,
  suites: { ike: [], esp: [] },
  routes: 'all',
  dns: [],
  mtu: null,
} satisfies VpnProfile);

const keys = softwareKeys(await generateKeys(), 'file');
const setOrder = async (up: boolean, change: Partial<VpnProfile> = {}) => ({
  action: 'set' as const,
  value: {
    profile: await sealProfile({ ...profile, ...change }, (await keys.publicJwks()).encryption),
    up,
  },
});
const agree = () => [keys.agree.bind(keys)];

describe('set to the device’s own certificate', () => {
  const own = { kind: 'device-certificate' as const, authority: null, gatewayId: 'vpn2.example.com' };

  test('nothing secret travels, and the driver is told which kind it is', async () => {
    const { order } = await rig({ change: { agree } });
    const wanted = await setOrder(false, { machine: own });
    expect(wanted.value.profile.machine).toEqual(own);
    let told: unknown;
    driver.before = (want) => void (told = want);
    expect(await order(wanted)).toMatchObject({ status: 200 });
    expect(told).toMatchObject({ state: 'set', profile: { machine: own } });
  });

  test.each(['this device has no certificate of its own', 'this device’s certificate ended at …'])(
    'is refused with the reason: %s',
    async (problem) => {
      const { order } = await rig({ change: { agree, certificateProblem: () => problem } });
      const before = driver.profiles.get('office');
      expect(await order(await setOrder(true, { machine: own }))).toMatchObject({
        status: 403,
        text: `no-certificate: ${problem}`,
      });
      expect(driver.profiles.get('office')).toEqual(before);
      // A profile with a key of its own is none of the certificate's business.
      expect(await order(await setOrder(false))).toMatchObject({ status: 200 });
    },
  );

  test('a way of proving the computer that this agent does not know is not implemented, whatever else it says', async () => {
    const { order } = await rig({ change: { agree } });
    const { value } = await setOrder(false);
    const newer = { ...value, profile: { ...value.profile, machine: { kind: 'passkey', any: 1 } } };
    expect(await order({ action: 'set', value: newer })).toMatchObject({
      status: 501,
      text: 'not-implemented: this agent knows no machine of kind "passkey"; update it',
    });
  });
});

describe('deny and allow', () => {
  test('the tunnel is cut and cannot be dialled, until it is allowed again', async () => {
    const { order, acted } = await rig();
    driver.dial('office');
    expect(await order({ action: 'deny' })).toMatchObject({
      status: 200,
      text: 'done',
      results: { after: { block: 'holding', interfaces: [] } },
    });
    expect(driver.isUp('office')).toBe(false);
    expect(driver.dial('office')).toBe(false);
    expect(await order({ action: 'allow' })).toMatchObject({
      status: 200,
      results: { after: { block: 'none' } },
    });
    expect(driver.dial('office')).toBe(true);
    expect(acted.times).toBe(2);
  });

  test('only the profiles that are named', async () => {
    const { order } = await rig();
    driver.dial('office');
    driver.dial('branch');
    await order({ action: 'deny', value: { profiles: ['office'] } });
    expect([driver.isUp('office'), driver.isUp('branch')]).toEqual([false, true]);
  });

  test('the holder is on disk before the driver is asked', async () => {
    const { order, file } = await rig();
    let onDisk: unknown;
    driver.before = () => void (onDisk = structuredClone(file.content));
    const jti = uuidv7(Date.now());
    await order({ action: 'deny', jti });
    expect(onDisk).toMatchObject({
      holders: { server: { order: jti, reason: 'because' } },
      entries: [{ jti, phase: 'acting', outcome: null }],
    });
  });

  test('with a duration it ends by itself', async () => {
    const clock = testClock();
    const made = await rig({ clock });
    running(made);
    await made.order({ action: 'deny', duration: 60_000 });
    expect(driver.block).toBe('all');
    clock.advance(61_000);
    await made.order({ action: 'cancel', target: 'command', value: { command_id: uuidv7(1) } });
    await made.keeper.recover();
    expect(driver.block).toBeNull();
  });

  test('a failure is told with its status, and tried again by itself', async () => {
    const made = await rig({ limits: { firstRetryMs: 5 } });
    running(made);
    driver.before = () => {
      throw new VpnFailure('pppd would not end', 503, null);
    };
    expect(await made.order({ action: 'deny' })).toMatchObject({ status: 503, text: 'pppd would not end' });
    expect(made.keeper.problem).toBe('pppd would not end');
    driver.before = () => {};
    await expect.poll(() => driver.block).toBe('all');
    await expect.poll(() => made.keeper.problem).toBeNull();
  });

  test('a driver that never answers is left alone after its time', async () => {
    const { order } = await rig({ limits: { actMs: 20, graceMs: 10 } });
    driver.before = () => new Promise(() => {});
    expect(await order({ action: 'deny' })).toMatchObject({
      status: 500,
      text: expect.stringContaining('No answer'),
    });
    driver.before = () => {};
    expect(await order({ action: 'deny' })).toMatchObject({ status: 200 });
  });

  test('where there is no VPN client, that is said; nothing is passed off as done', async () => {
    const { order, ledger } = await vpnRig({ driver: nullDriver, clock: systemClock });
    expect(await order({ action: 'deny' })).toMatchObject({ status: 404 });
    expect(ledger.holders.server).not.toBeNull();
    expect(await order({ action: 'allow' })).toMatchObject({ status: 200 });
  });

  test('a full disk does not keep the VPN up, but nothing loosens on it', async () => {
    const file = new MemoryFile();
    const { order } = await rig({ file });
    driver.dial('office');
    file.broken = true;
    await order({ action: 'deny' });
    expect(driver.isUp('office')).toBe(false);
    await order({ action: 'allow' });
    expect(driver.block).toBe('all');
  });

  test.each([
    ['deny', { profiles: 'office' }, 400],
    ['deny', { profile: ['office'] }, 400],
    ['allow', { profiles: ['office'] }, 400],
    ['set', { profile: {}, up: true }, 400],
  ] as const)('%s %j is refused', async (action, value, status) => {
    const { order } = await rig();
    expect(await order({ action, value })).toMatchObject({
      status,
      text: expect.stringContaining('malformed'),
    });
    expect(driver.asked).toEqual([]);
  });

  test('a computer that only observes does nothing and says why', async () => {
    const { order } = await rig({ change: { observing: 'this computer is set to observe' } });
    for (const action of ['deny', 'allow', 'set'] as const)
      expect(await order({ action })).toMatchObject({
        status: 501,
        text: expect.stringContaining('observe'),
      });
    expect(await order({ action: 'contain', target: 'device', duration: 1_000 })).toMatchObject({
      status: 501,
    });
    expect(driver.asked).toEqual([]);
  });
});

describe('two orders at once', () => {
  test('deny and allow: the later one’s state stands, whichever the driver was busy with', async () => {
    const { order, ledger } = await rig();
    // The driver is busy until the second order is in the journal, too.
    driver.before = () => vi.waitFor(() => expect(ledger.holders.server).toBeNull());
    const [denied, allowed] = await Promise.all([order({ action: 'deny' }), order({ action: 'allow' })]);
    expect(allowed).toMatchObject({ status: 200 });
    expect(denied).toMatchObject({ status: 403, text: 'superseded' });
    expect(driver.block).toBeNull();
    driver.before = () => vi.waitFor(() => expect(ledger.holders.server).not.toBeNull());
    const [again, back] = await Promise.all([order({ action: 'allow' }), order({ action: 'deny' })]);
    expect(back).toMatchObject({ status: 200 });
    expect(again).toMatchObject({ status: 403 });
    expect(driver.block).toBe('all');
  });

  test('a deny does not wait for a slow set: it breaks it off', async () => {
    const { order, keeper } = await rig({ change: { agree } });
    const started = Promise.withResolvers<void>();
    driver.before = async (want, signal) => {
      if (want.state !== 'set') return;
      started.resolve();
      await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    };
    const set = order(await setOrder(true));
    await started.promise;
    expect(await order({ action: 'deny' })).toMatchObject({ status: 200 });
    expect(await set).toMatchObject({ status: 403, text: 'The VPN was denied meanwhile.' });
    // At once, and again when the change has been given up: it could have undone the first.
    expect(driver.asked).toEqual(['set office up', 'denied', 'denied']);
    expect(keeper.problem).toBeNull();
  });
});

describe('holders', () => {
  const standing = {
    since: 1,
    until: null,
    reason: 'own judgement',
    profiles: null,
    order: null,
    checks: [],
  };

  test('the server’s allow does not lift what the device holds by itself, and says so', async () => {
    const { order, ledger, keeper } = await rig();
    await order({ action: 'deny' });
    await ledger.hold({ cause: 'standing', holder: standing });
    expect(await order({ action: 'allow' })).toMatchObject({
      status: 200,
      text: expect.stringContaining('still held by: standing'),
      results: { heldBy: ['standing'] },
    });
    expect(driver.dial('office')).toBe(false);
    await ledger.hold({ cause: 'standing', holder: null });
    await keeper.enforce();
    expect(driver.dial('office')).toBe(true);
  });

  test('a lifted block comes back while somebody holds', async () => {
    const { order, keeper } = await rig();
    await order({ action: 'deny' });
    driver.block = null;
    driver.dial('office');
    await keeper.check();
    expect(driver.isUp('office')).toBe(false);
    const asked = driver.asked.length;
    await keeper.check();
    expect(driver.asked.length).toBe(asked);
  });

  test('a block that nobody holds any more is taken away at a start', async () => {
    driver.block = 'all';
    const { recover } = await rig();
    await recover();
    expect(driver.block).toBeNull();
    expect(driver.restored).toBe(1);
  });
});

describe('set', () => {
  test('the profile is opened by the device’s key and set', async () => {
    const { order } = await rig({ change: { agree } });
    expect(await order(await setOrder(true))).toMatchObject({ status: 200 });
    expect(driver.profiles.get('office')).toEqual({ gateway: 'vpn2.example.com', up: true });
  });

  test('while denied it does not come up, and the block stays', async () => {
    const { order } = await rig({ change: { agree } });
    await order({ action: 'deny' });
    expect(await order(await setOrder(true))).toMatchObject({ status: 200, results: { heldBy: ['server'] } });
    expect(driver.asked).toEqual(['denied', 'set office', 'denied']);
    expect(driver.dial('office')).toBe(false);
  });

  test('a gateway outside the local limits is refused, whatever the server says', async () => {
    const { order } = await rig({ change: { agree, allowedGateways: ['vpn.example.com'] } });
    expect(await order(await setOrder(true))).toMatchObject({
      status: 403,
      text: expect.stringMatching(/not-allowed: vpn2.example.com .*allowedGateways/),
    });
    expect(driver.asked).toEqual([]);
    expect(await order(await setOrder(true, { gateway: 'VPN.example.com' }))).toMatchObject({ status: 200 });
  });

  test('secrets that were sealed to the keys before these are opened', async () => {
    const fresh = softwareKeys(await generateKeys(), 'file');
    const both = () => [fresh, keys].map((one) => one.agree.bind(one));
    const { order } = await rig({ change: { agree: both } });
    expect(await order(await setOrder(true))).toMatchObject({ status: 200 });
  });

  test('secrets for another device are no profile, and no secret stands in the journal', async () => {
    const others = softwareKeys(await generateKeys(), 'file');
    const { order, file } = await rig({ change: { agree: () => [others.agree.bind(others)] } });
    expect(await order(await setOrder(true))).toMatchObject({ status: 400 });
    expect(driver.asked).toEqual([]);
    expect(JSON.stringify(file.content)).not.toContain('shared key');
  });
});

describe('isolation', () => {
  const contain = { action: 'contain', target: 'device', duration: 60_000 } as const;

  test('needs a duration', async () => {
    const { order } = await rig();
    expect(await order({ action: 'contain', target: 'device' })).toMatchObject({ status: 400 });
  });

  test('holds the VPN, ends by itself, and survives a restart until then', async () => {
    const clock = testClock();
    const isolation = new MemoryIsolation();
    const made = await rig({ clock, isolation });
    expect(await made.order(contain)).toMatchObject({ status: 200, results: { isolated: true } });
    expect([isolation.on, driver.block]).toEqual([true, 'all']);
    isolation.on = false;
    const again = await rig({ clock, isolation, file: made.file });
    await again.recover();
    expect([isolation.on, driver.block]).toEqual([true, 'all']);
    running(again);
    clock.advance(61_000);
    again.keeper.enforce().catch(() => {});
    await expect.poll(() => isolation.on).toBe(false);
    expect(driver.block).toBeNull();
  });

  test('is taken back by cancelling its order, and by that only', async () => {
    const isolation = new MemoryIsolation();
    const { order } = await rig({ isolation });
    const jti = uuidv7(Date.now());
    await order({ ...contain, jti });
    await order({ action: 'allow' });
    expect(isolation.on).toBe(true);
    const cancel = { action: 'cancel', target: 'command' } as const;
    expect(await order({ ...cancel, value: { command_id: uuidv7(5) } })).toMatchObject({ status: 404 });
    expect(await order({ ...cancel, value: { command_id: jti } })).toMatchObject({ status: 200 });
    expect([isolation.on, driver.block]).toEqual([false, null]);
  });

  test('works without any VPN client', async () => {
    const isolation = new MemoryIsolation();
    const { order } = await vpnRig({ driver: nullDriver, clock: systemClock, isolation });
    expect(await order(contain)).toMatchObject({ status: 200, results: { isolated: true } });
  });

  test('on a system that cannot is answered as such, and holds nothing', async () => {
    const isolation = new MemoryIsolation();
    isolation.fail = new VpnFailure('cannot be isolated', 501, null);
    const { order, ledger } = await rig({ isolation });
    expect(await order(contain)).toMatchObject({ status: 501 });
    expect(ledger.holders.contain).toBeNull();
    expect(driver.block).toBeNull();
  });
});

describe('after a crash', () => {
  /** The journal as it was at the moment of the first act. */
  async function crashDuring(action: 'deny' | 'allow' | 'set', before: Partial<MemoryDriver> = {}) {
    const file = new MemoryFile();
    const made = await rig({ file, change: { agree } });
    if (action === 'allow') await made.order({ action: 'deny' });
    Object.assign(driver, before);
    let atCrash: MemoryFile['content'] = null;
    driver.before = () => {
      atCrash ??= structuredClone(file.content);
      throw new Error('killed');
    };
    await made.order(action === 'set' ? await setOrder(true) : { action });
    driver.before = () => {};
    const left = new MemoryFile();
    left.content = atCrash;
    const again = await rig({ file: left });
    await again.recover();
    return again;
  }

  test('a deny is completed, and its receipt is due', async () => {
    const { ledger } = await crashDuring('deny');
    expect(driver.block).toBe('all');
    expect(ledger.unacknowledged).toMatchObject([{ outcome: { status: 200, results: { resumed: true } } }]);
  });

  test('an allow is completed, too: nobody holds any more', async () => {
    const { ledger } = await crashDuring('allow');
    expect(driver.block).toBeNull();
    expect(ledger.unacknowledged.at(-1)).toMatchObject({ outcome: { status: 200 } });
  });

  test('a set is put back and told as interrupted', async () => {
    const { ledger } = await crashDuring('set');
    expect(driver.restored).toBe(1);
    expect(driver.asked).toEqual(['set office up']);
    expect(ledger.unacknowledged).toMatchObject([
      { outcome: { status: 500, text: expect.stringContaining('as it was before') } },
    ]);
  });

  test.each([false, true])(
    'rules of isolation without a holder are lifted (altered: %j)',
    async (altered) => {
      const isolation = Object.assign(new MemoryIsolation(), { on: true, altered });
      await (await rig({ isolation })).recover();
      expect(isolation.on).toBe(false);
    },
  );

  test('altered rules of an isolation that is wanted are put there anew', async () => {
    const [file, isolation] = [new MemoryFile(), new MemoryIsolation()];
    const contained = await rig({ file, isolation });
    await contained.order({ action: 'contain', target: 'device', duration: 60_000 });
    isolation.altered = true;
    await (await rig({ file, isolation })).recover();
    expect(isolation).toMatchObject({ on: true, asked: 2 });
  });

  test('a deny that cannot be completed is told as failed and goes on being tried', async () => {
    const file = new MemoryFile();
    const first = await rig({ file });
    await first.order({ action: 'deny' });
    const entry = file.content?.entries[0];
    if (entry !== undefined) Object.assign(entry, { outcome: null, finishedAt: null, phase: 'acting' });
    driver.block = null;
    driver.before = vi.fn(() => {
      throw new VpnFailure('no nft', 500, null);
    });
    const again = await rig({ file, limits: { firstRetryMs: 5 } });
    await again.recover();
    expect(again.ledger.unacknowledged).toMatchObject([{ outcome: { status: 500, text: 'no nft' } }]);
    driver.before = () => {};
    running(again);
    await expect.poll(() => driver.block).toBe('all');
  });
});
