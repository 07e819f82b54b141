import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySigner } from '../wire/fixtures.ts';
import { seal, TYP } from '../../src/wire/envelope.ts';
import { deviceUrn } from '../../src/wire/ids.ts';
import { standingClaims } from '../../src/wire/standing.ts';
import { healthyReadings } from './fixtures.ts';
import { expectEventually, startRig, type Rig } from './rig.ts';
import { connect, connected, payloadOf, type TestLink } from './test-agent.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const at = () => new Date(rig.clock.now()).toISOString();
const good = (link: TestLink) => link.report({ readings: healthyReadings(at()) });
const infected = (link: TestLink) =>
  link.report({
    readings: healthyReadings(at(), {
      detections: {
        sources: [],
        open: [
          {
            source: 'x',
            id: null,
            name: 'Bad',
            severity: 5,
            status: 'open',
            executed: true,
            detectedAt: null,
          },
        ],
        recentClosed: 0,
      },
    }),
  });
const shown = async (link: TestLink) => (await rig.document(link.identity.device)).orders;

describe('a decision that denies', () => {
  test('orders the VPN down, and up again once it allows, in rising order', async () => {
    const link = await rig.link();
    await good(link);
    expect(await infected(link)).toMatchObject({ decision: { access: 'deny', reason: 'detection-severe' } });
    const deny = await link.order();
    expect(deny).toMatchObject({
      aud: deviceUrn(link.identity.device),
      iss: link.identity.server,
      oc2: { action: 'deny', target: { 'x-posture:vpn': {} } },
      cause: { reason: expect.stringContaining('Bad') },
    });
    expect(deny.exp - deny.iat).toBeLessThanOrEqual(300);
    const id = await link.receipt(deny, 200);
    expect(await link.next('receipt-ack')).toMatchObject({ id });
    expect(await shown(link)).toMatchObject([{ action: 'deny', state: 'done', status: 200 }]);

    await good(link);
    const allow = await link.order();
    expect(allow.oc2.action).toBe('allow');
    expect(allow.oseq).toBeGreaterThan(deny.oseq);
  });

  test('is ordered again on the next connection until it is done', async () => {
    const link = await rig.link();
    await infected(link);
    const first = await link.order();
    link.close();
    const again = await connected(rig.target, link.identity, { boot: link.boot });
    // The same one once more: it may have been lost with the connection.
    expect((await again.order()).jti).toBe(first.jti);
    again.close();
    // Nobody answered while it was valid: a fresh one takes its place.
    rig.clock.advance(301_000);
    const later = await connected(rig.target, link.identity, { boot: link.boot });
    const second = await later.order();
    expect(second.oc2.action).toBe('deny');
    expect(second.oseq).toBeGreaterThan(first.oseq);
    await later.receipt(second, 200);
    await later.next('receipt-ack');
    later.close();
    const done = await connected(rig.target, link.identity, { boot: link.boot });
    await expect(done.order(300)).rejects.toThrow('no order');
  });

  test('that the agent cannot carry out is shown as such, and not repeated until something else is wanted', async () => {
    const link = await rig.link();
    await infected(link);
    await link.receipt(await link.order(), 501, 'not-implemented');
    await link.next('receipt-ack');
    expect(await shown(link)).toMatchObject([{ state: 'failed', status: 501, reason: 'not-implemented' }]);
    link.close();
    const again = await connected(rig.target, link.identity, { boot: link.boot });
    await expect(again.order(300)).rejects.toThrow('no order');
    await good(again);
    expect((await again.order()).oc2.action).toBe('allow');
  });

  test('that failed otherwise is tried again on the next connection', async () => {
    const link = await rig.link();
    await infected(link);
    await link.receipt(await link.order(), 500, 'pppd would not end');
    await link.next('receipt-ack');
    link.close();
    const again = await connected(rig.target, link.identity, { boot: link.boot });
    expect((await again.order()).oc2.action).toBe('deny');
  });

  test('by silence orders nothing: whoever comes back is judged by its first report', async () => {
    const link = await rig.link();
    await good(link);
    link.close();
    rig.clock.advance(1_000_000);
    await expectEventually(
      () => rig.document(link.identity.device),
      ({ decision }) => decision?.access === 'deny',
    );
    const again = await connected(rig.target, link.identity, { boot: link.boot });
    await expect(again.order(300)).rejects.toThrow('no order');
    expect(await good(again)).toMatchObject({ decision: { access: 'allow' } });
  });
});

describe('receipts', () => {
  const refused = async (link: TestLink, jws: string) => {
    link.send({ t: 'receipt', jws });
    return (await link.next('nack')).err;
  };

  test('are kept in the order of the work: received, then done, and never back', async () => {
    const link = await rig.link();
    await infected(link);
    const order = await link.order();
    await link.receipt(order, 102, 'processing', { phase: 'received' });
    await link.next('receipt-ack');
    expect(await shown(link)).toMatchObject([{ state: 'received', status: 102 }]);
    await link.receipt(order, 200);
    await link.next('receipt-ack');
    await link.receipt(order, 102, 'processing', { phase: 'received' });
    await link.next('receipt-ack');
    expect(await shown(link)).toMatchObject([{ state: 'done', status: 200 }]);
  });

  test('of another key, device or server are refused', async () => {
    const link = await rig.link();
    const other = await rig.device();
    await infected(link);
    const order = await link.order();
    const claims = {
      iss: deviceUrn(link.identity.device),
      aud: link.identity.server,
      iat: 1,
      jti: '01930000-0000-7000-8000-000000000000',
      request_id: order.jti,
      phase: 'complete',
      oc2: { status: 200, status_text: 'done' },
    };
    const { report } = link.identity;
    expect(await refused(link, await seal(TYP.receipt, claims, await memorySigner()))).toBe('unknown_key');
    expect(await refused(link, await seal(TYP.receipt, claims, other.report))).toBe('unknown_key');
    expect(await refused(link, await seal(TYP.report, claims, report))).toBe('wrong_type');
    expect(
      await refused(link, await seal(TYP.receipt, { ...claims, iss: deviceUrn(other.device) }, report)),
    ).toBe('wrong_issuer');
    expect(await refused(link, await seal(TYP.receipt, { ...claims, aud: 'urn:x' }, report))).toBe(
      'wrong_audience',
    );
    expect(await shown(link)).toMatchObject([{ state: 'sent' }]);
  });
});

describe('an administrator', () => {
  test('asks for a report now', async () => {
    const link = await rig.link();
    const { body } = await rig.admin.post(`/v1/devices/${link.identity.device}/orders`, { action: 'scan' });
    expect(await link.order()).toMatchObject({
      jti: body.id,
      oc2: { action: 'scan', target: { features: [] } },
    });
  });

  test('is told when the device is not connected', async () => {
    const { device } = await rig.device();
    const answer = await rig.admin.post(`/v1/devices/${device}/orders`, { action: 'scan' });
    expect(answer).toMatchObject({ status: 409, body: { err: 'not_connected' } });
  });
});

describe('the standing policy', () => {
  test('is for one device, and a changed file reaches it with a higher version', async () => {
    const link = await rig.link();
    const first = standingClaims.parse(payloadOf((await link.next('policy')).jws));
    expect(first).toMatchObject({ aud: deviceUrn(link.identity.device), iss: link.identity.server });
    await rewrite('name: default', 'name: stricter');
    const second = standingClaims.parse(payloadOf((await link.next('policy')).jws));
    expect(second).toMatchObject({ policy: { name: 'stricter' } });
    expect(second.version).toBeGreaterThan(first.version);
  });

  test('with another rhythm lets devices connect again, to be told', async () => {
    const link = await rig.link();
    await rewrite('everySeconds: 30', 'everySeconds: 20');
    await expectEventually(
      () => rig.document(link.identity.device),
      ({ connected }) => !connected,
    );
    const again = await connect(rig.target, link.identity, { boot: link.boot });
    expect(await again.next('welcome')).toMatchObject({ heartbeat_s: 20 });
  });

  test('that cannot be read changes nothing', async () => {
    const link = await rig.link();
    await link.next('policy');
    await rewrite('weight: 40', 'weight: heavy');
    await expect(link.next('policy', 300)).rejects.toThrow('no policy');
    expect(await good(link)).toMatchObject({
      decision: { access: 'allow', policy: expect.stringContaining('stricter') },
    });
  });

  test('a policy that weighs more is felt by devices that say nothing new', async () => {
    const link = await rig.link();
    await infected(link);
    await rewrite('weight: heavy', 'weight: 40');
    await rewrite('  high: deny', '  high: restrict');
    await expectEventually(
      () => rig.document(link.identity.device),
      ({ decision }) => decision?.access === 'restrict',
    );
  });

  async function rewrite(before: string, after: string) {
    const { readFile, writeFile } = await import('node:fs/promises');
    const text = await readFile(rig.paths.policy, 'utf8');
    expect(text).toContain(before);
    await writeFile(rig.paths.policy, text.replace(before, after));
    await rig.server.reloadPolicy();
  }
});
