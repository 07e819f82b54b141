import { mkdir, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { collectReport } from '../../src/agent/report.ts';
import { Spool } from '../../src/agent/spool.ts';
import { uuidv7 } from '../../src/agent/uuid.ts';
import { systemClock } from '../../src/base/clock.ts';
import { emptyHost, quiet, readersWith, shiftedClock, temporaryFolder } from './harness.ts';

const LIMITS = { maxReports: 100, maxBytes: 10_000_000 };

function reportFrom(ageMs = 0) {
  const clock = ageMs === 0 ? systemClock : shiftedClock(-ageMs);
  return collectReport({ readers: readersWith(), openHost: emptyHost, clock, deadlineMs: 1_000 });
}

async function spoolWith(count: number, limits = LIMITS) {
  const folder = join(await temporaryFolder(), 'spool');
  const spool = await Spool.open(folder, limits, quiet);
  const reports = [];
  for (let index = 0; index < count; index += 1) {
    const report = await reportFrom((count - index) * 1_000);
    reports.push(report);
    await spool.add(report);
  }
  return { folder, spool, ids: reports.map(({ id }) => id), reports };
}

describe('spool', () => {
  test('keeps reports over a restart, oldest first, until they are removed', async () => {
    const { folder, ids, spool } = await spoolWith(3);
    await spool.remove(ids[1] ?? '');
    const reopened = await Spool.open(folder, LIMITS, quiet);
    expect(reopened.ids).toEqual([ids[0], ids[2]]);
    expect(await reopened.read(ids[0] ?? '')).toMatchObject({ id: ids[0] });
    expect(await reopened.read(ids[1] ?? '')).toBeNull();
  });

  test('what comes out is what went in, with each check’s version', async () => {
    const { spool, ids, reports } = await spoolWith(1);
    const waiting = await spool.read(ids[0] ?? '');
    expect(waiting?.collectedAt).toBe(reports[0]?.collectedAt);
    expect(waiting?.readings.firewall).toEqual({ v: 1, ...reports[0]?.readings.firewall });
  });

  test('full by count: the oldest goes, counted, also over a restart', async () => {
    const { folder, spool, ids } = await spoolWith(5, { ...LIMITS, maxReports: 3 });
    expect(spool.ids).toEqual(ids.slice(2));
    expect(spool.dropped).toBe(2);
    const reopened = await Spool.open(folder, { ...LIMITS, maxReports: 1 }, quiet);
    expect(reopened.ids).toEqual(ids.slice(4));
    expect(reopened.dropped).toBe(4);
  });

  test('full by bytes', async () => {
    const { spool, ids } = await spoolWith(5, { ...LIMITS, maxBytes: 5_000 });
    expect(spool.ids.length).toBeLessThan(5);
    expect(spool.ids.at(-1)).toBe(ids.at(-1));
    expect(spool.summary.bytes).toBeLessThanOrEqual(5_000);
    expect(spool.dropped + spool.ids.length).toBe(5);
  });

  test.each(['', '{"id":', 'null', '\u0000\u0000\u0000'])(
    'a damaged report (%j) is set aside and counted, and the others go on',
    async (content) => {
      const { folder, spool, ids } = await spoolWith(2);
      await writeFile(join(folder, `${ids[0]}.json`), content);
      expect(await spool.read(ids[0] ?? '')).toBeNull();
      expect(spool.ids).toEqual([ids[1]]);
      expect(spool.dropped).toBe(1);
      expect(await readdir(join(folder, 'aside'))).toEqual(['damaged.json']);
      expect((await Spool.open(folder, LIMITS, quiet)).dropped).toBe(1);
    },
  );

  test('a report under another’s name is damaged', async () => {
    const { folder, spool, ids, reports } = await spoolWith(1);
    await writeFile(join(folder, `${ids[0]}.json`), JSON.stringify({ ...reports[0], id: uuidv7(1) }));
    expect(await spool.read(ids[0] ?? '')).toBeNull();
  });

  test('half-written files and foreign ones are no reports', async () => {
    const { folder, ids } = await spoolWith(1);
    await writeFile(join(folder, `.${ids[0]}.json.0123456789ab.tmp`), '{"id":');
    await writeFile(join(folder, 'README'), 'hello');
    await writeFile(join(folder, 'counters.json'), '{"dropp');
    const reopened = await Spool.open(folder, LIMITS, quiet);
    expect(reopened.ids).toEqual(ids);
    expect((await readdir(folder)).some((name) => name.endsWith('.tmp'))).toBe(false);
    expect(reopened.dropped).toBe(0);
  });

  test('a disk that takes nothing: kept in memory, told, and written as soon as it does', async () => {
    const { folder, spool } = await spoolWith(0);
    const report = await reportFrom();
    // A folder where the file should go refuses it like a full disk does, also to root.
    const obstacle = join(folder, `${report.id}.json`);
    await mkdir(obstacle);
    await spool.add(report);
    expect(spool.summary.problem).not.toBeNull();
    expect(await spool.read(report.id)).toMatchObject({ id: report.id });
    await rmdir(obstacle);
    const next = await reportFrom();
    await spool.add(next);
    expect(spool.summary.problem).toBeNull();
    expect((await Spool.open(folder, LIMITS, quiet)).ids).toEqual([report.id, next.id].toSorted());
  });

  test('tells of every change', async () => {
    const { spool } = await spoolWith(0);
    let changes = 0;
    const stop = spool.changed.listen(() => (changes += 1));
    const report = await reportFrom();
    await spool.add(report);
    await spool.remove(report.id);
    expect(changes).toBe(2);
    stop();
    await spool.add(await reportFrom());
    expect(changes).toBe(2);
  });
});
