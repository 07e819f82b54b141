import { expect, test } from 'vitest';
import {
  ClosingFailure,
  type CloseWish,
  type L2tpServerControl,
} from '../../src/agent/l2tp-server/control.ts';
import type { Look } from '../../src/agent/l2tp-server/linux-look.ts';
import { l2tpServerOrders } from '../../src/agent/l2tp-server/orders.ts';
import { failed } from '../../src/agent/orders.ts';
import { uuidv7 } from '../../src/agent/uuid.ts';
import { systemClock } from '../../src/base/clock.ts';
import { orderClaims, type Action } from '../../src/wire/order.ts';

const seen: Look = {
  fact: null,
  problem: null,
  connected: ['ppp0'],
  clientThrough: [],
  ssh: true,
  attempts: null,
};

function order(action: Action, value: unknown, duration?: number) {
  const jti = uuidv7(1);
  return orderClaims.parse({
    iss: 'i',
    aud: 'a',
    jti,
    iat: 1,
    nbf: 1,
    exp: 2,
    oseq: 1,
    cause: { reason: 'finding' },
    oc2: { action, target: { 'x-posture:l2tp-server': value }, args: { duration }, command_id: jti },
  });
}

/** Remembers what was wished; a wish for `firewall` is refused. */
function remembering() {
  const wishes: (CloseWish | 'reopen')[] = [];
  const control: L2tpServerControl = {
    status: async () => ({ closing: null, seen }),
    async close(wish) {
      if (wish.way === 'firewall') throw new ClosingFailure('1 clients are connected', 503);
      wishes.push(wish);
      return { before: seen, after: seen, closing: null };
    },
    async reopen() {
      wishes.push('reopen');
      return { before: seen, after: seen, closing: null };
    },
    recover: async () => null,
    held: async () => null,
  };
  return {
    wishes,
    handlers: l2tpServerOrders({ control, observing: null, clock: systemClock, changed: () => {} }),
  };
}

test('deny closes by services unless told otherwise, for the duration; allow reopens', async () => {
  const { wishes, handlers } = remembering();
  const before = Date.now();
  const deny = handlers['deny x-posture:l2tp-server']?.(order('deny', {}, 60_000));
  expect(deny?.ok && (await deny.value.run(AbortSignal.timeout(1_000)))).toMatchObject({
    status: 200,
    results: { before: { connected: 1, ssh: true } },
  });
  const allow = handlers['allow x-posture:l2tp-server']?.(order('allow', {}));
  expect(allow?.ok && (await allow.value.run(AbortSignal.timeout(1_000)))).toMatchObject({ status: 200 });
  expect(wishes).toMatchObject([{ way: 'service', evenIfUsed: false, reason: 'finding' }, 'reopen']);
  const [wish] = wishes;
  expect(typeof wish === 'object' && (wish.until ?? 0)).toBeGreaterThanOrEqual(before + 60_000);
});

test.each([{ way: 'rm' }, { unit: 'ssh.service' }, 'x'])('%j is malformed', (value) => {
  const { wishes, handlers } = remembering();
  expect(handlers['deny x-posture:l2tp-server']?.(order('deny', value))).toMatchObject({
    error: { status: 400 },
  });
  expect(handlers['allow x-posture:l2tp-server']?.(order('allow', value))).toMatchObject({
    error: { status: 400 },
  });
  expect(wishes).toEqual([]);
});

test('more than 30 days is malformed', () => {
  const { handlers } = remembering();
  const deny = handlers['deny x-posture:l2tp-server']?.(order('deny', {}, 31 * 86_400_000));
  expect(deny).toMatchObject({ error: { status: 400 } });
});

test('a refusal keeps its status', async () => {
  const { handlers } = remembering();
  const deny = handlers['deny x-posture:l2tp-server']?.(order('deny', { way: 'firewall' }));
  const run = deny?.ok ? deny.value.run(AbortSignal.timeout(1_000)).catch(failed) : null;
  expect(await run).toMatchObject({ status: 503, text: '1 clients are connected' });
});

test('where nothing is closed by us, that is the answer', () => {
  const deps = { control: null, observing: 'not here', clock: systemClock, changed: () => {} };
  const deny = l2tpServerOrders(deps)['deny x-posture:l2tp-server']?.(order('deny', {}));
  expect(deny).toMatchObject({ error: { status: 501, text: 'not-implemented: not here' } });
});
