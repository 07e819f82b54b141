import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Identity } from '../../src/agent/enrolment.ts';
import { sessionSigner } from '../../src/agent/keys.ts';
import { Ledger, ledgerState, type Outcome } from '../../src/agent/ledger.ts';
import {
  createOrders,
  done,
  sealReceipt,
  type DueReceipt,
  type OrderHandlers,
  type OrdersDeps,
  type Plan,
} from '../../src/agent/orders.ts';
import { statePaths } from '../../src/agent/paths.ts';
import { stateFile } from '../../src/agent/state-file.ts';
import { uuidv7 } from '../../src/agent/uuid.ts';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import { ok } from '../../src/base/result.ts';
import { open, seal, TYP } from '../../src/wire/envelope.ts';
import { deviceUrn, serverUrn } from '../../src/wire/ids.ts';
import { receiptClaims, type OrderClaims } from '../../src/wire/order.ts';
import type { TestServer } from './test-server.ts';
import { connected, eventually, quiet, startAgent, temporaryFolder } from './harness.ts';

const orderKey = await sessionSigner();
const device = uuidv7(Date.now());
const identity: Identity = {
  device,
  ueid: `AQ${'A'.repeat(21)}`,
  orderRoot: 'R'.repeat(43),
  orderKeys: [orderKey.jwk],
};

type Change = Partial<Omit<OrderClaims, 'oc2'>> & { oc2?: object };

function claimsWith(change: Change = {}): OrderClaims {
  const jti = change.jti ?? uuidv7(Date.now());
  const now = Math.floor(Date.now() / 1_000);
  return {
    iss: serverUrn(identity.orderRoot),
    aud: deviceUrn(device),
    jti,
    iat: now,
    nbf: now,
    exp: now + 60,
    oseq: 100,
    cause: { reason: 'test' },
    ...change,
    oc2: {
      action: 'scan',
      target: { features: [] },
      args: { response_requested: 'complete' },
      command_id: jti,
      ...change.oc2,
    },
  } as OrderClaims;
}

const sign = (claims: OrderClaims, signer = orderKey) => seal(TYP.order, claims, signer);

const planned = (run: Plan['run']) => () => ok<Plan>({ holders: [], atOnce: false, run });

async function setUp(handlers?: OrderHandlers, more: Partial<OrdersDeps> = {}) {
  const path = `${await temporaryFolder()}/orders.json`;
  const openLedger = () => Ledger.open(stateFile(path, ledgerState, quiet));
  const ledger = await openLedger();
  const scan = vi.fn(async (): Promise<Outcome> => done({ report: 'r' }));
  const receipts: DueReceipt[] = [];
  const orders = createOrders({
    ledger,
    handlers: handlers ?? { 'scan features': planned(scan) },
    clock: systemClock,
    log: quiet,
    onReceipt: (due) => receipts.push(due),
    ...more,
  });
  const take = async (claims: OrderClaims, signer = orderKey) => {
    await orders.take(await sign(claims, signer), identity);
    return ledger.find(claims.jti)?.outcome ?? null;
  };
  return { path, ledger, openLedger, scan, receipts, orders, take };
}

describe('an order', () => {
  test('is carried out, journalled and answered', async () => {
    const { take, scan, receipts, ledger } = await setUp();
    const claims = claimsWith();
    expect(await take(claims)).toEqual({ status: 200, text: 'done', results: { report: 'r' } });
    expect(scan).toHaveBeenCalledTimes(1);
    expect(receipts).toEqual([{ jti: claims.jti, phase: 'complete' }]);
    expect(ledger.unacknowledged.map(({ jti }) => jti)).toEqual([claims.jti]);
  });

  test('that takes a moment is said to have been received, and no receipt comes before its work has begun', async () => {
    const begun = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const handlers = {
      'scan features': planned(async () => {
        expect(receipts).toEqual([]);
        begun.resolve();
        await end.promise;
        return done({});
      }),
    };
    // The moment is over as soon as the work has begun.
    const clock: Clock = { ...systemClock, sleep: () => begun.promise };
    const { take, receipts, orders } = await setUp(handlers, { clock });
    const claims = claimsWith();
    const taken = take(claims);
    await begun.promise;
    let isIdle = false;
    const idle = orders.idle().then(() => (isIdle = true));
    await vi.waitFor(() => expect(receipts).toEqual([{ jti: claims.jti, phase: 'received' }]));
    expect(isIdle).toBe(false);
    end.resolve();
    await taken;
    await idle;
    expect(receipts.map(({ phase }) => phase)).toEqual(['received', 'complete']);
  });

  test('that must not wait goes first until it is answered; any other only until that is known', async () => {
    const first = { now: 0 };
    const goFirst = () => {
      first.now += 1;
      let isOver = false;
      return () => {
        if (!isOver) first.now -= 1;
        isOver = true;
      };
    };
    const seen: number[] = [];
    const run = async () => {
      seen.push(first.now);
      return done({});
    };
    const plan = (atOnce: boolean) => () => ok<Plan>({ holders: [], atOnce, run });
    const handlers = { 'scan features': plan(false), 'deny x-posture:vpn': plan(true) };
    const { take } = await setUp(handlers, { goFirst });
    await take(claimsWith());
    await take(claimsWith({ oc2: { action: 'deny', target: { 'x-posture:vpn': {} } } }));
    expect(seen).toEqual([0, 1]);
    expect(first.now).toBe(0);
  });

  test('that is known is answered again, never carried out again', async () => {
    const { take, scan, receipts, ledger } = await setUp();
    const claims = claimsWith();
    await take(claims);
    await ledger.acknowledge(ledger.find(claims.jti)?.receipt ?? '');
    expect(ledger.unacknowledged).toEqual([]);
    await take(claims);
    expect(scan).toHaveBeenCalledTimes(1);
    expect(receipts.map(({ phase }) => phase)).toEqual(['complete', 'complete']);
    expect(ledger.unacknowledged.length).toBe(1);
  });

  test('sent twice at the same moment is carried out once', async () => {
    const { take, scan } = await setUp();
    const claims = claimsWith();
    await Promise.all([take(claims), take(claims)]);
    expect(scan).toHaveBeenCalledTimes(1);
  });

  test('is known after a restart, and so is how far the numbers were', async () => {
    const { take, openLedger } = await setUp();
    const claims = claimsWith({ oseq: 500 });
    await take(claims);
    const reopened = await openLedger();
    expect(reopened.find(claims.jti)?.outcome?.status).toBe(200);
    expect(reopened.last('features')).toBe(500);
  });

  test('is in the journal before it is carried out, and stays open there when a crash comes in between', async () => {
    let onDisk = '';
    const { path, take, openLedger } = await setUp({
      'scan features': planned(async () => {
        onDisk = await readFile(path, 'utf8');
        return done({});
      }),
    });
    const claims = claimsWith();
    await take(claims);
    expect(JSON.parse(onDisk).entries[0]).toMatchObject({ jti: claims.jti, phase: 'acting', outcome: null });
    await writeFile(path, onDisk);
    expect((await openLedger()).unfinished).toMatchObject([{ jti: claims.jti }]);
  });

  test.each<[string, Change, { status: number; text: string }]>([
    ['past its time', { exp: Date.now() / 1_000 - 1 }, { status: 403, text: 'expired' }],
    ['not yet valid', { nbf: Date.now() / 1_000 + 60 }, { status: 403, text: 'not-allowed' }],
    [
      'for the VPN',
      { oc2: { action: 'deny', target: { 'x-posture:vpn': {} } } },
      { status: 501, text: 'not-implemented' },
    ],
    [
      'to isolate',
      { oc2: { action: 'contain', target: { device: {} } } },
      { status: 501, text: 'not-implemented' },
    ],
    [
      'for a server',
      { oc2: { action: 'deny', target: { 'x-posture:l2tp-server': {} } } },
      { status: 501, text: 'not-implemented' },
    ],
    [
      'for a certificate',
      { oc2: { action: 'update', target: { 'x-posture:cert': {} } } },
      { status: 501, text: 'not-implemented' },
    ],
  ])('%s is refused with a reason', async (_what, change, outcome) => {
    const { take, scan, receipts } = await setUp();
    expect(await take(claimsWith(change))).toMatchObject(outcome);
    expect(scan).not.toHaveBeenCalled();
    expect(receipts.length).toBe(1);
  });

  test('that is older than another for its target is superseded; other targets have their own order', async () => {
    const { take } = await setUp();
    await take(claimsWith({ oseq: 200 }));
    expect(await take(claimsWith({ oseq: 200 }))).toMatchObject({ status: 403, text: 'superseded' });
    expect(await take(claimsWith({ oseq: 199 }))).toMatchObject({ text: 'superseded' });
    expect(await take(claimsWith({ oseq: 201 }))).toMatchObject({ status: 200 });
    const other = claimsWith({ oseq: 1, oc2: { action: 'allow', target: { 'x-posture:vpn': {} } } });
    expect(await take(other)).toMatchObject({ text: 'not-implemented' });
  });

  test.each<[string, Change]>([
    ['another device', { aud: deviceUrn(uuidv7(1)) }],
    ['another server', { iss: serverUrn('S'.repeat(43)) }],
  ])('for or from %s leaves no trace', async (_what, change) => {
    const { take, receipts, scan } = await setUp();
    expect(await take(claimsWith(change))).toBeNull();
    expect(receipts).toEqual([]);
    expect(scan).not.toHaveBeenCalled();
  });

  test('signed by another key, or of another kind, is not answered', async () => {
    const { take, receipts, ledger } = await setUp();
    expect(await take(claimsWith(), await sessionSigner())).toBeNull();
    const orders = createOrders({
      ledger,
      handlers: {},
      clock: systemClock,
      log: quiet,
      onReceipt: (due) => receipts.push(due),
    });
    await orders.take(await seal(TYP.receipt, claimsWith(), orderKey), identity);
    await orders.take('garbage', identity);
    expect(receipts).toEqual([]);
  });

  test('that fails says so', async () => {
    const { take } = await setUp({
      'scan features': planned(async () => {
        throw new Error('no disk');
      }),
    });
    expect(await take(claimsWith())).toMatchObject({ status: 500, text: 'no disk' });
  });

  test('that asks for no answer gets none', async () => {
    const { take, ledger } = await setUp();
    expect(await take(claimsWith({ oc2: { args: { response_requested: 'none' } } }))).toMatchObject({
      status: 200,
    });
    expect(ledger.unacknowledged).toEqual([]);
  });

  test('that cannot be journalled is not carried out', async () => {
    const { scan } = await setUp();
    const file = stateFile('/nowhere/orders.json', ledgerState, quiet);
    const ledger = await Ledger.open(file);
    const handlers = { 'scan features': planned(scan) };
    const orders = createOrders({ ledger, handlers, clock: systemClock, log: quiet, onReceipt: () => {} });
    await orders.take(await sign(claimsWith()), identity);
    expect(scan).not.toHaveBeenCalled();
  });

  test('that is slow holds up no other target', async () => {
    const slow = Promise.withResolvers<void>();
    onTestFinished(() => slow.resolve());
    const { take } = await setUp({
      'scan features': planned(async () => {
        await slow.promise;
        return done({});
      }),
      'allow x-posture:vpn': planned(async () => done({})),
    });
    void take(claimsWith());
    const other = claimsWith({ oc2: { action: 'allow', target: { 'x-posture:vpn': {} } } });
    expect(await take(other)).toMatchObject({ status: 200 });
  });
});

test('a receipt is signed by the report key and the same each time but for its signature', async () => {
  const { take, ledger } = await setUp();
  const claims = claimsWith();
  await take(claims);
  const reportKey = await sessionSigner();
  const entry = ledger.find(claims.jti);
  const sealed = async () => {
    const jws = entry && (await sealReceipt(entry, identity, reportKey));
    const opened = await open(jws ?? '', reportKey.jwk, receiptClaims);
    return opened.ok ? opened.value : null;
  };
  expect(await sealed()).toMatchObject({
    iss: deviceUrn(device),
    aud: serverUrn(identity.orderRoot),
    request_id: claims.jti,
    phase: 'complete',
    oc2: { status: 200, status_text: 'done', results: { report: 'r' } },
  });
  expect(await sealed()).toEqual(await sealed());
});

test('the journal stays small: settled orders are forgotten, open ones are not', async () => {
  const { take, ledger, path } = await setUp();
  const open = claimsWith({ oseq: 1 });
  await take(open);
  for (let oseq = 2; oseq < 80; oseq += 1) {
    const claims = claimsWith({ oseq });
    await take(claims);
    await ledger.acknowledge(ledger.find(claims.jti)?.receipt ?? '');
  }
  expect(JSON.parse(await readFile(path, 'utf8')).entries.length).toBeLessThanOrEqual(50);
  expect(ledger.unacknowledged.map(({ jti }) => jti)).toEqual([open.jti]);
  // Forgotten, but its number is too low to be carried out again.
  expect(await take(claimsWith({ oseq: 2 }))).toMatchObject({ text: 'superseded' });
  // Each order is on the disk before it counts: so many syncs take long on a busy one.
}, 90_000);

async function reporting() {
  const running = await connected();
  await eventually('a report', () => running.server.reports.length > 0);
  return running;
}

const complete = ({ receipts }: TestServer) => receipts.filter(({ phase }) => phase === 'complete');

describe('with a server', () => {
  test('scan: a complete new report, then the receipt that names it', async () => {
    const { server } = await reporting();
    server.last.send({ t: 'order', jws: await server.order() });
    await eventually('a receipt', () => complete(server).length > 0);
    await eventually('the report', () => server.reports.length > 1);
    expect(server.reports[1]?.kind).toBe('full');
    expect(complete(server)[0]?.oc2).toMatchObject({
      status: 200,
      results: { report: server.reports[1]?.jti },
    });
  });

  test('a receipt that was not acknowledged comes again on the next connection', async () => {
    const { server } = await reporting();
    server.acknowledgeReceipts = false;
    server.last.send({ t: 'order', jws: await server.order() });
    await eventually('a receipt', () => complete(server).length === 1);
    server.acknowledgeReceipts = true;
    server.dropConnections();
    await eventually('it again', () => complete(server).length === 2);
    expect(complete(server)[1]).toEqual(complete(server)[0]);
  });

  test('a device that was down when it was ordered answers after a restart', async () => {
    const { server, folder, agent } = await reporting();
    server.acknowledgeReceipts = false;
    server.last.send({ t: 'order', jws: await server.order() });
    await eventually('a receipt', () => complete(server).length === 1);
    await agent.stop();
    startAgent(folder);
    await eventually('it again', () => complete(server).length === 2);
    expect(JSON.parse(await readFile(statePaths(folder).orders, 'utf8')).entries.length).toBe(1);
  });
});
