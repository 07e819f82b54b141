import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Spool } from '../../src/agent/spool.ts';
import { collectReport } from '../../src/agent/report.ts';
import { statePaths } from '../../src/agent/paths.ts';
import { systemClock } from '../../src/base/clock.ts';
import {
  emptyHost,
  enrolWith,
  eventually,
  quiet,
  readersWith,
  startAgent,
  startServer,
  temporaryFolder,
} from '../agent/harness.ts';

const isRoot = process.getuid?.() === 0;

/** A file system of 512 kB. */
async function smallDisk(): Promise<string> {
  const folder = join(await temporaryFolder(), 'disk');
  mkdirSync(folder);
  execFileSync('/usr/bin/mount', ['-t', 'tmpfs', '-o', 'size=512k,mode=0755', 'tmpfs', folder]);
  onTestFinished(() => void execFileSync('/usr/bin/umount', ['-l', folder]));
  return folder;
}

/** Writes until the disk takes no more. */
function fill(folder: string): void {
  for (const size of [65_536, 4_096]) {
    for (let part = 0; ; part += 1) {
      try {
        writeFileSync(join(folder, `fill-${size}-${part}`), Buffer.alloc(size));
      } catch {
        break;
      }
    }
  }
}

function clear(folder: string): void {
  for (const name of readdirSync(folder)) if (name.startsWith('fill-')) rmSync(join(folder, name));
}

test.runIf(isRoot)(
  'disk full (needs root): reports go out from memory, it is told, and all is well again',
  async () => {
    const server = await startServer();
    const folder = await smallDisk();
    await enrolWith(server, folder);
    const agent = startAgent(folder, { everySeconds: 0.2 });
    await eventually('a report', () => server.reports.length > 0);
    fill(folder);
    const before = server.reports.length;
    await eventually('reports from memory', () => server.reports.length > before + 3);
    clear(folder);
    await eventually('a status that is written again', async () => {
      const status = await agent.status();
      return status?.spool.problem === null && status.spool.reports === 0 && status.lastReportAt;
    });
    expect(server.reports.at(-1)?.dropped).toBe(0);
    expect(await agent.stop()).toMatchObject({ reason: 'signal' });
  },
);

test.runIf(isRoot)('disk full for long (needs root): memory is bounded, the loss counted', async () => {
  const folder = await smallDisk();
  const spool = await Spool.open(statePaths(folder).spool, { maxReports: 500, maxBytes: 1e7 }, quiet);
  fill(folder);
  for (let count = 0; count < 30; count += 1) {
    await spool.add(
      await collectReport({
        readers: readersWith(),
        openHost: emptyHost,
        clock: systemClock,
        deadlineMs: 1_000,
      }),
    );
  }
  expect(spool.summary.problem).toContain('ENOSPC');
  expect(spool.ids.length).toBeLessThanOrEqual(20);
  expect(spool.dropped + spool.ids.length).toBe(30);
  clear(folder);
  await spool.add(
    await collectReport({
      readers: readersWith(),
      openHost: emptyHost,
      clock: systemClock,
      deadlineMs: 1_000,
    }),
  );
  expect(spool.summary.problem).toBeNull();
  const reopened = await Spool.open(statePaths(folder).spool, { maxReports: 500, maxBytes: 1e7 }, quiet);
  expect(reopened.ids).toEqual(spool.ids.toSorted());
});
