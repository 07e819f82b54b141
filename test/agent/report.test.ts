import { describe, expect, test } from 'vitest';
import type { Host } from '../../collectors/check.ts';
import type { Readers } from '../../collectors/specs.ts';
import { checkIds, specs } from '../../collectors/specs.ts';
import { collectReport } from '../../src/agent/report.ts';
import { timeOf } from '../../src/agent/uuid.ts';
import { systemClock } from '../../src/base/clock.ts';
import { known, unknown } from '../../src/base/reading.ts';
import { fromWire, toWire } from '../../src/wire/report.ts';
import { emptyHost, readersWith } from './harness.ts';

const hangs = () => new Promise<never>(() => {});

function collect(
  change: Partial<Readers>,
  deadlineMs = 200,
  openHost: (signal: AbortSignal) => Host = emptyHost,
) {
  return collectReport({ readers: readersWith(change), openHost, clock: systemClock, deadlineMs });
}

describe('a report', () => {
  test('has every check, an id that carries its time, and goes through the wire', async () => {
    const report = await collect({ processes: async () => known({ matches: [] }) });
    expect(Object.keys(report.readings)).toEqual(checkIds);
    expect(timeOf(report.id)).toBe(Date.parse(report.collectedAt));
    expect(report.readings.processes).toMatchObject({ state: 'known', fact: { matches: [] } });
    const back = fromWire(JSON.parse(JSON.stringify(toWire(report.readings))));
    expect(back).toMatchObject({ ok: true, value: { readings: report.readings } });
  });

  test('a reader that hangs is a timeout, delays nobody, and its programs are ended', async () => {
    let ended = false;
    const openHost = (signal: AbortSignal) => {
      signal.addEventListener('abort', () => (ended = true));
      return emptyHost();
    };
    const started = performance.now();
    const { readings } = await collect(
      { firewall: hangs, processes: async () => known({ matches: [] }) },
      50,
      openHost,
    );
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(readings.firewall).toMatchObject({ state: 'unknown', why: 'timeout' });
    expect(readings.processes.state).toBe('known');
    expect(ended).toBe(true);
  });

  test('each check has its own time', () => {
    for (const id of checkIds) expect(specs[id].timeoutMs).toBeLessThanOrEqual(60_000);
  });

  test('a reader that throws, at once or later, failed', async () => {
    const { readings } = await collect({
      firewall: () => {
        throw new Error('at once');
      },
      processes: async () => {
        throw new Error('later');
      },
    });
    expect(readings.firewall).toMatchObject({ why: 'failed', detail: expect.stringContaining('at once') });
    expect(readings.processes).toMatchObject({ why: 'failed', detail: expect.stringContaining('later') });
  });

  test('a reader that is missing failed, too', async () => {
    const readers = { ...readersWith(), firewall: undefined } as unknown as Readers;
    const report = await collectReport({ readers, openHost: emptyHost, clock: systemClock, deadlineMs: 200 });
    expect(report.readings.firewall).toMatchObject({ state: 'unknown', why: 'failed' });
  });

  test.each([{ matches: 'many' }, null, 7, { matches: [{ rule: 'a', count: -1 }] }])(
    'garbage instead of a fact is unparsable: %j',
    async (fact) => {
      const { readings } = await collect({ processes: async () => known(fact as never) });
      expect(readings.processes).toMatchObject({ state: 'unknown', why: 'unparsable' });
    },
  );

  test('a reader that floods does not cost the report', async () => {
    const matches = Array.from({ length: 10_000 }, () => ({ rule: 'x'.repeat(90), count: 1 }));
    const { readings } = await collect({
      processes: async () => known({ matches }),
      firewall: async () => unknown('failed', 'y'.repeat(100_000)),
    });
    expect(readings.processes).toMatchObject({ state: 'unknown', why: 'unparsable' });
    expect(JSON.stringify(readings.firewall).length).toBeLessThan(500);
  });

  test('the agent’s own end is a timeout for what is still being read', async () => {
    const control = new AbortController();
    const collection = {
      readers: readersWith({ firewall: hangs }),
      openHost: emptyHost,
      clock: systemClock,
      deadlineMs: 60_000,
    };
    const running = collectReport(collection, control.signal);
    control.abort();
    expect((await running).readings.firewall).toMatchObject({ why: 'timeout' });
  });
});
