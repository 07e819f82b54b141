import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { serviceManager } from '../../src/base/service-manager.ts';

// That systemd hears it is tested with systemd: test/package.
test('tells that it is ready, and three times in the time asked for that it is alive', async () => {
  const told: string[] = [];
  const slept: number[] = [];
  const control = new AbortController();
  const manager = serviceManager(
    { WATCHDOG_USEC: '30000000' },
    async (words) => void told.push(words.join(' ')),
  );
  const clock = {
    ...systemClock,
    async sleep(ms: number) {
      slept.push(ms);
      if (slept.length === 3) control.abort();
    },
  };
  await manager.ready();
  await manager.keepAlive(clock, control.signal);
  expect(told).toEqual(['--ready', 'WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1']);
  expect(slept).toEqual([10_000, 10_000, 10_000]);
});

test.each([undefined, '', '0', '-5', 'soon'])('a watchdog of %s asks for nothing', async (usec) => {
  const told: string[] = [];
  const control = new AbortController();
  const manager = serviceManager({ WATCHDOG_USEC: usec }, async (words) => void told.push(words.join(' ')));
  const ended = manager.keepAlive(systemClock, control.signal);
  control.abort();
  await ended;
  expect(told).toEqual([]);
});

test('without a manager nobody is told', async () => {
  await expect(serviceManager({}).ready()).resolves.toBeUndefined();
});
