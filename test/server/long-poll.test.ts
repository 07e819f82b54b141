import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ServerFrame } from '../../src/wire/frames.ts';
import { healthyReadings, PLAIN_DISK } from './fixtures.ts';
import { startRig, type Rig } from './rig.ts';
import { connected, greet, post, type Channel, type Identity, type Target } from './test-agent.ts';

let rig: Rig;
beforeAll(async () => {
  rig = await startRig();
});
afterAll(() => rig.close());

const at = () => new Date(rig.clock.now()).toISOString();

type Exchange = { link: string; frames: ServerFrame[]; closed: boolean };

async function exchange(target: Target, link: string | null, frames: unknown[] = []): Promise<Exchange> {
  const { status, body } = await post(target, '/v1/link', { link, frames });
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body as Exchange;
}

/** As an agent does it: a request that waits is always open, and each frame goes in one of its own. */
async function pollChannel(target: Target): Promise<Channel> {
  const first = await exchange(target, null);
  const waiting = [...first.frames];
  let take: (frame: ServerFrame) => void = (frame) => waiting.push(frame);
  const state = { closed: false };
  const deliver = (answer: Exchange) => {
    state.closed ||= answer.closed;
    answer.frames.forEach((frame) => take(frame));
  };
  const poll = async () => {
    while (!state.closed) deliver(await exchange(target, first.link));
  };
  poll().catch(() => {});
  return {
    send: (text) => void exchange(target, first.link, [JSON.parse(text)]).then(deliver, () => {}),
    close: () => void (state.closed = true),
    onFrame(taker) {
      take = taker;
      waiting.splice(0).forEach(taker);
    },
  };
}

async function polling(identity: Identity) {
  const link = await greet(await pollChannel(rig.target), identity);
  await link.next('welcome');
  return link;
}

describe('the link over HTTPS', () => {
  test('carries session, reports, orders and decisions as WebSocket does', async () => {
    const link = await polling(await rig.device());
    expect(await link.next('policy')).toMatchObject({ jws: expect.any(String) });
    expect(await link.report({ readings: healthyReadings(at()) })).toMatchObject({
      t: 'ack',
      decision: { access: 'allow' },
    });
    const worse = healthyReadings(at(), { 'disk-encryption': PLAIN_DISK });
    expect(await link.report({ readings: worse })).toMatchObject({ decision: { access: 'restrict' } });
    await rig.admin.post(`/v1/devices/${link.identity.device}/orders`, { action: 'scan' });
    const order = await link.order();
    const id = await link.receipt(order, 200);
    expect(await link.next('receipt-ack')).toMatchObject({ id });
    link.close();
  });

  test('a request without frames is answered as soon as there is something to say', async () => {
    const link = await polling(await rig.device());
    await link.next('policy');
    // A poll with nothing to say is held for 20 s.
    const started = Date.now();
    await rig.admin.post(`/v1/devices/${link.identity.device}/orders`, { action: 'scan' });
    await link.order();
    expect(Date.now() - started).toBeLessThan(10_000);
    link.close();
  });

  test('a WebSocket of the same device takes over, and the poll is told so', async () => {
    const link = await polling(await rig.device());
    const taker = await connected(rig.target, link.identity, { boot: link.boot });
    expect(await link.next('bye')).toMatchObject({ err: 'superseded' });
    expect(await taker.report({ readings: healthyReadings(at()) })).toMatchObject({ t: 'ack' });
    taker.close();
  });

  test('a link that nobody opened, or that is over, does not exist', async () => {
    expect(await post(rig.target, '/v1/link', { link: 'q0Lr3bXk0f7mB2cV9sT1Zg', frames: [] })).toMatchObject({
      status: 404,
      body: { err: 'no_session' },
    });
    const { link } = await exchange(rig.target, null);
    const { closed } = await exchange(rig.target, link, [{ t: 'report', jws: 'a.b.c' }]);
    expect(closed).toBe(true);
    expect(await post(rig.target, '/v1/link', { link, frames: [] })).toMatchObject({ status: 404 });
  });

  test('what is no frame of an agent is refused whole', async () => {
    const { link } = await exchange(rig.target, null);
    expect(await post(rig.target, '/v1/link', { link, frames: [{ t: 'moon' }] })).toMatchObject({
      status: 400,
      body: { err: 'malformed' },
    });
  });
});
