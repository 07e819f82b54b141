import fc from 'fast-check';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createScheduler } from '../../src/agent/scheduler.ts';
import {
  createSelfBudget,
  paceAfter,
  WINDOW_MS,
  type CycleCost,
  type Pace,
} from '../../src/agent/self-budget.ts';
import { parseChildrenMs, usageNow } from '../../src/agent/self-usage.ts';
import { systemClock } from '../../src/base/clock.ts';
import { run } from '../../src/base/exec.ts';

const MIB = 1024 * 1024;
const limits = { cpuPercent: 2, rssMiB: 200 };
const MINUTE = 60_000;

function cost(endedAt: number, cpuMs: number, rssMiB = 100): CycleCost {
  return { endedAt, cpuMs, rssBytes: rssMiB * MIB };
}

/** A machine whose cycles cost what the test says, each of them read at the pace that came out. */
function machine(everyMs: number) {
  let now = 0;
  let next = { cpuMs: 0, rssMiB: 100 };
  const used = { cpuMs: 0, rssBytes: 0 };
  const paces: Pace[] = [];
  const budget = createSelfBudget({
    everyMs,
    limits,
    clock: { monotonic: () => now },
    usage: () => ({ ...used }),
    onPace: (pace) => paces.push(pace),
  });
  return {
    budget,
    async cycle(cpuMs: number, rssMiB = 100): Promise<Pace> {
      next = { cpuMs, rssMiB };
      now += budget.everyMs();
      await budget.measure(async () => {
        used.cpuMs += next.cpuMs;
        used.rssBytes = next.rssMiB * MIB;
      });
      return paces.at(-1) as Pace;
    },
  };
}

describe('the pace', () => {
  test.each<[string, number, number, Pace]>([
    ['cheap', 1_000, 1, { stretch: 1, over: null, cpuPercent: 0.33, rssMiB: 100 }],
    ['exactly what it may', 6_000, 1, { stretch: 1, over: null, cpuPercent: 2, rssMiB: 100 }],
    ['dear', 9_000, 1, { stretch: 2, over: 'cpu', cpuPercent: 1.5, rssMiB: 100 }],
    [
      'very dear: one step at a time',
      100_000,
      1,
      { stretch: 2, over: 'cpu', cpuPercent: 16.67, rssMiB: 100 },
    ],
    [
      'very dear for long: no further than 8',
      100_000,
      8,
      { stretch: 8, over: 'cpu', cpuPercent: 4.17, rssMiB: 100 },
    ],
    ['cheap again', 1_000, 8, { stretch: 4, over: null, cpuPercent: 0.08, rssMiB: 100 }],
  ])('%s', (_what, cpuMs, stretch, expected) => {
    expect(paceAfter(cost(0, cpuMs), [], { everyMs: 5 * MINUTE, limits, stretch })).toEqual(expected);
  });

  test('memory counts as it is now', () => {
    const options = { everyMs: 5 * MINUTE, limits, stretch: 2 };
    expect(paceAfter(cost(1, 10, 201), [], options)).toMatchObject({
      stretch: 4,
      over: 'memory',
      rssMiB: 201,
    });
    expect(paceAfter(cost(1, 10, 200), [cost(0, 10, 900)], options)).toMatchObject({
      stretch: 1,
      over: null,
    });
  });

  test('one dear cycle among cheap ones is no reason, and after ten minutes none at all', () => {
    const options = { everyMs: MINUTE, limits, stretch: 1 };
    const cheap = Array.from({ length: 9 }, (_, index) => cost((index + 1) * MINUTE, 100));
    expect(paceAfter(cost(9 * MINUTE, 100), [cost(0, 9_000), ...cheap], options).stretch).toBe(1);
    expect(paceAfter(cost(WINDOW_MS, 100), [cost(0, 90_000)], options).stretch).toBe(2);
    expect(paceAfter(cost(WINDOW_MS + 1, 100), [cost(0, 90_000)], options).stretch).toBe(1);
  });

  test('whatever happens, it is 1, 2, 4 or 8 and moves by one step', () => {
    const spent = fc.record({ endedAt: fc.nat(), cpuMs: fc.nat(), rssBytes: fc.nat() });
    fc.assert(
      fc.property(spent, fc.array(spent), fc.constantFrom(1, 2, 4, 8), (last, earlier, stretch) => {
        const pace = paceAfter(last, earlier, { everyMs: 300_000, limits, stretch });
        expect([1, 2, 4, 8]).toContain(pace.stretch);
        expect([0.5, 1, 2]).toContain(pace.stretch / stretch);
      }),
    );
  });
});

describe('over many cycles', () => {
  test('a lasting cost settles at one pace instead of swinging', async () => {
    const { cycle } = machine(5 * MINUTE);
    const paces: number[] = [];
    for (let count = 0; count < 12; count += 1) paces.push((await cycle(20_000)).stretch);
    expect(paces).toEqual([2, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
  });

  test('back to normal when it is cheap again', async () => {
    const { budget, cycle } = machine(5 * MINUTE);
    for (let count = 0; count < 4; count += 1) await cycle(100_000);
    expect(budget.everyMs()).toBe(40 * MINUTE);
    expect([(await cycle(500)).stretch, (await cycle(500)).stretch, (await cycle(500)).stretch]).toEqual([
      4, 2, 1,
    ]);
    expect(budget.everyMs()).toBe(5 * MINUTE);
  });

  test('a cycle that fails is measured by nobody and passes its error on', async () => {
    const { budget, cycle } = machine(MINUTE);
    await expect(budget.measure(async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect((await cycle(0)).stretch).toBe(1);
  });
});

test('what somebody asks for is collected at once, however stretched the interval is', async () => {
  let count = 0;
  const control = new AbortController();
  const budget = createSelfBudget({
    everyMs: 1_000_000,
    limits,
    clock: systemClock,
    usage: () => ({ cpuMs: count * 1_000_000, rssBytes: 0 }),
    onPace: () => {},
  });
  const scheduler = createScheduler({
    everyMs: budget.everyMs,
    clock: systemClock,
    onNext: () => {},
    collect: () =>
      budget.measure(async () => ({ id: String((count += 1)), collectedAt: '', readings: {} as never })),
    deliver: async () => {},
  });
  const ended = scheduler.run(control.signal);
  await expect.poll(() => budget.everyMs()).toBe(2_000_000);
  expect(await scheduler.request()).toBe('2');
  expect(await scheduler.request()).toBe('3');
  expect(budget.everyMs()).toBe(8_000_000);
  control.abort();
  await ended;
});

describe('usage', () => {
  test('is this process’s and that of the programs it ran', async () => {
    const before = usageNow();
    await run({ path: process.execPath }, ['-e', 'while (process.cpuUsage().user < 300_000);']);
    await wait(10);
    const { cpuMs, rssBytes } = usageNow();
    expect(cpuMs - before.cpuMs).toBeGreaterThan(100);
    expect(rssBytes).toBeGreaterThan(10 * MIB);
  });

  test('children’s ticks stand behind a name that may hold anything', () => {
    const rest = `S 1 2 3 4 5 6 7 8 9 10 11 12 30 12 20 0 ${'0 '.repeat(30)}`;
    expect(parseChildrenMs(`42 (node) ${rest}`)).toBe(420);
    expect(parseChildrenMs(`42 (a) S 9 (b) ${rest}`)).toBe(420);
    for (const text of ['', '42 (node)', ')', '42 (node) S x x x x x x x x x x x x x x x'])
      expect(parseChildrenMs(text)).toBe(0);
  });
});
