import { expect, test } from 'vitest';
import { createHost } from '../../src/agent/host.ts';
import { createPrecedence } from '../../src/agent/precedence.ts';
import { REPLAYED_SELF } from '../../src/agent/replay.ts';
import { NO_QUESTIONS } from '../../collectors/check.ts';

/** Sleeps that end when they are told to, or cut short. */
function slow() {
  const wakes: (() => void)[] = [];
  const sleep = (_ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      wakes.push(resolve);
      signal?.addEventListener('abort', () => reject(new Error('cut short')), { once: true });
    });
  return { wakes, clock: { sleep } };
}

const settled = async (promise: Promise<unknown>) => {
  let isSettled = false;
  void promise.then(() => (isSettled = true));
  await new Promise(setImmediate);
  return isSettled;
};

test('readings stand back until the last order is answered and its receipt is on its way', async () => {
  const { wakes, clock } = slow();
  const precedence = createPrecedence(clock);
  expect(await settled(precedence.clear())).toBe(true);
  expect(precedence.held()).toBe(false);
  const [first, second] = [precedence.hold(), precedence.hold()];
  const clear = precedence.clear();
  first();
  await new Promise(setImmediate);
  wakes[2]?.();
  expect(await settled(clear)).toBe(false);
  expect(precedence.held()).toBe(true);
  second();
  await new Promise(setImmediate);
  expect(await settled(clear)).toBe(false);
  wakes[3]?.();
  expect(await settled(clear)).toBe(true);
});

test('an order that does not end holds nothing up for long', async () => {
  const { wakes, clock } = slow();
  const precedence = createPrecedence(clock);
  const letOthers = precedence.hold();
  wakes[0]?.();
  expect(await settled(precedence.clear())).toBe(true);
  letOthers();
  expect(await settled(precedence.clear())).toBe(true);
});

test('a host in the background starts its programs when it may, behind all others', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const host = createHost({ self: () => REPLAYED_SELF, questions: NO_QUESTIONS, standBack: () => promise });
  const source = 'setTimeout(() => console.log(require("os").getPriority()), 50)';
  const running = host.run({ path: process.execPath }, ['-e', source]);
  expect(await settled(running)).toBe(false);
  resolve();
  expect(Number((await running).stdout)).toBeGreaterThanOrEqual(10);
});
