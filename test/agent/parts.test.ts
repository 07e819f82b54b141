import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clockState, openCorrectedClock } from '../../src/agent/corrected-clock.ts';
import { lockHolder, takeLock } from '../../src/agent/lock.ts';
import { createMailbox } from '../../src/agent/mailbox.ts';
import { proxyFor } from '../../src/agent/proxy.ts';
import { beginRun, runsState, waitAfter } from '../../src/agent/runs.ts';
import { createScheduler } from '../../src/agent/scheduler.ts';
import { openSequence, sequenceState } from '../../src/agent/sequence.ts';
import { peek, stateFile } from '../../src/agent/state-file.ts';
import { prepareStateFolder } from '../../src/agent/state-folder.ts';
import { timeOf, uuidv7 } from '../../src/agent/uuid.ts';
import { createWakeWatch } from '../../src/agent/wake.ts';
import { systemClock } from '../../src/base/clock.ts';
import { uuid } from '../../src/wire/ids.ts';
import { quiet, startAgent, temporaryFolder } from './harness.ts';

test('ids carry their time, sort by it, and are UUIDv7', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 48 - 2 }), (ms) => {
      const id = uuidv7(ms);
      return timeOf(id) === ms && uuid.safeParse(id).success && id < uuidv7(ms + 1);
    }),
  );
});

describe('state files', () => {
  test.each(['', '{"reserved":', '[]', '{"reserved":"x"}'])(
    'damaged (%j): set aside, told, started anew',
    async (text) => {
      const path = join(await temporaryFolder(), 'sequence.json');
      await writeFile(path, text);
      expect(await peek(path, sequenceState)).toEqual({ state: 'damaged' });
      const file = stateFile(path, sequenceState, quiet);
      expect(await file.read()).toBeNull();
      expect(await readFile(`${path}.damaged`, 'utf8')).toBe(text);
      await file.write({ reserved: 7 });
      expect(await file.read()).toEqual({ reserved: 7 });
    },
  );
});

describe('sequence', () => {
  test('rises over restarts, also without a clean end', async () => {
    const file = stateFile(join(await temporaryFolder(), 'sequence.json'), sequenceState, quiet);
    const seen: number[] = [];
    for (let run = 0; run < 5; run += 1) {
      const sequence = await openSequence(file);
      for (let count = 0; count < 3; count += 1) seen.push(await sequence.next());
    }
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(new Set(seen).size).toBe(15);
  });

  test('goes on where it cannot be written', async () => {
    const sequence = await openSequence(stateFile('/nowhere/sequence.json', sequenceState, quiet));
    sequence.raiseAbove(10);
    expect([await sequence.next(), await sequence.next()]).toEqual([11, 12]);
  });
});

test('the clock follows the server’s, keeps it over a restart, and ignores the network’s delay', async () => {
  const file = stateFile(join(await temporaryFolder(), 'clock.json'), clockState, quiet);
  const base = { ...systemClock, now: () => 1_000_000 };
  const clock = await openCorrectedClock(file, base);
  const asked = base.now();
  expect(clock.correct(1_000_500, asked)).toBe(false);
  expect(clock.now()).toBe(1_000_000);
  expect(clock.correct(1_600_000, asked)).toBe(true);
  expect(clock.now()).toBe(1_600_000);
  await expect.poll(async () => (await openCorrectedClock(file, base)).now()).toBe(1_600_000);
  expect(clock.correct(1_000_100, asked)).toBe(true);
  expect(clock.offsetMs()).toBe(0);
});

test('an answer that waited while the computer slept does not move its clock; one that no delay explains does', async () => {
  const file = stateFile(join(await temporaryFolder(), 'clock.json'), clockState, quiet);
  let now = 5_000_000;
  const clock = await openCorrectedClock(file, { ...systemClock, now: () => now });
  const asked = clock.uncorrected();
  now += 3_600_000;
  expect(clock.correct(asked + 100, asked)).toBe(false);
  expect(clock.correct(now - 1_000, asked)).toBe(false);
  expect(clock.now()).toBe(now);
  // Ten minutes ahead of whatever it may have been: by the least that makes it possible.
  expect(clock.correct(now + 600_000, asked)).toBe(true);
  expect(clock.offsetMs()).toBe(600_000);
  // Asked before somebody set the clock back.
  expect(clock.correct(now, now + 60_000)).toBe(false);
  expect(clock.correct(now + 600_100, now)).toBe(false);
});

describe('lock', () => {
  test('one agent a folder', async () => {
    const folder = await temporaryFolder();
    const first = startAgent(folder);
    await expect.poll(() => lockHolder(join(folder, 'agent.lock'))).toBe(process.pid);
    await expect(startAgent(folder).ended).rejects.toThrow(`process ${process.pid}`);
    await first.stop();
    expect(await lockHolder(join(folder, 'agent.lock'))).toBeNull();
  });

  test.each([
    ['a process that is gone', '{"pid":999999999,"started":"1"}'],
    ['another process under the same id', `{"pid":${process.pid},"started":"1"}`],
    ['half a file', '{"pid":'],
    ['nothing', ''],
  ])('left behind by %s: taken over', async (_whose, content) => {
    const path = join(await temporaryFolder(), 'agent.lock');
    await writeFile(path, content);
    const unlock = await takeLock(path);
    expect(await lockHolder(path)).toBe(process.pid);
    await unlock();
  });

  test('of many that start at once, one gets it', async () => {
    const path = join(await temporaryFolder(), 'agent.lock');
    await writeFile(path, '{"pid":999999999,"started":"1"}');
    const results = await Promise.allSettled(Array.from({ length: 30 }, () => takeLock(path)));
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(1);
  });
});

test('a run that did not end cleanly is counted at the next start', async () => {
  const file = stateFile(join(await temporaryFolder(), 'runs.json'), runsState, quiet);
  expect((await beginRun(file)).crashes).toBe(0);
  const second = await beginRun(file);
  expect(second.crashes).toBe(1);
  await second.endCleanly();
  expect((await beginRun(file)).crashes).toBe(1);
});

test('the first crash costs no time, the next ones more and more, until a run has lasted', async () => {
  const file = stateFile(join(await temporaryFolder(), 'runs.json'), runsState, quiet);
  const waits = [];
  for (let crash = 0; crash < 4; crash += 1) waits.push((await beginRun(file)).waitMs);
  expect(waits).toEqual([0, 0, 5_000, 10_000]);
  await (await beginRun(file)).hasLasted();
  expect((await beginRun(file)).waitMs).toBe(0);
  expect(waitAfter(50)).toBe(300_000);
});

test('a state folder into which others can write is refused', async () => {
  const folder = join(await temporaryFolder(), 'state');
  await prepareStateFolder(folder);
  await chmod(folder, 0o777);
  await expect(prepareStateFolder(folder)).rejects.toThrow('chmod go-w');
});

describe('proxy', () => {
  const target = new URL('https://posture.example.com:8443');
  const through = (setting: string, env: Record<string, string> = {}) =>
    proxyFor(target, setting, env)?.host ?? null;

  test.each<[string, Record<string, string>, string | null]>([
    ['auto', {}, null],
    ['auto', { HTTPS_PROXY: 'http://proxy:3128' }, 'proxy:3128'],
    ['auto', { https_proxy: 'proxy:3128' }, 'proxy:3128'],
    ['none', { HTTPS_PROXY: 'http://proxy:3128' }, null],
    ['http://other:1', { NO_PROXY: '*' }, 'other:1'],
    ['auto', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'example.com' }, null],
    ['auto', { HTTPS_PROXY: 'http://p:1', NO_PROXY: ' .example.com , x' }, null],
    ['auto', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'posture.example.com:443' }, 'p:1'],
    ['auto', { HTTPS_PROXY: 'http://p:1', NO_PROXY: 'ample.com' }, 'p:1'],
    ['auto', { HTTPS_PROXY: 'http://p:1', NO_PROXY: '' }, 'p:1'],
    ['auto', { HTTPS_PROXY: '://' }, null],
  ])('%s %j -> %s', (setting, env, expected) => {
    expect(through(setting, env)).toBe(expected);
  });
});

test('a mailbox hands over in order, and null when nothing comes', async () => {
  const mailbox = createMailbox<number>();
  mailbox.put(1);
  mailbox.put(2);
  expect([await mailbox.take(0), await mailbox.take(0), await mailbox.take(5)]).toEqual([1, 2, null]);
  setTimeout(() => mailbox.put(3), 5);
  expect(await mailbox.take(1_000)).toBe(3);
});

test('the scheduler collects at once, never twice at the same time, and requests share one collection', async () => {
  let running = 0;
  let count = 0;
  const control = new AbortController();
  const scheduler = createScheduler({
    everyMs: () => 1_000_000,
    clock: systemClock,
    onNext: () => {},
    async collect() {
      expect((running += 1)).toBe(1);
      await systemClock.sleep(20);
      running -= 1;
      count += 1;
      return { id: String(count), collectedAt: '', readings: {} as never };
    },
    deliver: async () => {},
  });
  const ended = scheduler.run(control.signal);
  await expect.poll(() => count).toBe(1);
  expect(await Promise.all([scheduler.request(), scheduler.request()])).toEqual(['2', '2']);
  // Asked while one is under way: that one began too early to be an answer.
  const during = scheduler.request();
  await systemClock.sleep(5);
  const after = scheduler.request();
  expect([await during, await after]).toEqual(['3', '4']);
  control.abort();
  await ended;
});

test('a computer that has slept is noticed, a busy one is not', async () => {
  let now = 0;
  let woken = 0;
  const clock = { ...systemClock, now: () => now };
  const control = new AbortController();
  const ended = createWakeWatch(clock, () => (woken += 1), 5).run(control.signal);
  now += 15_000;
  await systemClock.sleep(30);
  expect(woken).toBe(0);
  now += 3_600_000;
  await expect.poll(() => woken).toBe(1);
  control.abort();
  await ended;
});
