import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { healthyReadings } from '../server/fixtures.ts';
import { connected, enrol, isIdentity } from '../server/test-agent.ts';
import { serverFolder, startServerProcess } from '../support/server-process.ts';

/** What the kernel was asked, in order: `-y` names the file behind each descriptor. */
const CALLS = 'fdatasync,fsync,read,recvfrom,write,writev,sendto,sendmsg';

const work = mkdtempSync(join(tmpdir(), 'drawbridge-fsync-'));
const trace = join(work, 'trace');
const folder = serverFolder(0);

type Call = { isReceive: boolean; isSync: boolean; isSend: boolean; bytes: number };

/** Reports are far larger than what else a device sends; acks lie between decisions (360) and policies (4,500). */
const REPORT_BYTES = 2_000;
const isAck = (bytes: number) => bytes > 450 && bytes < 1_000;

let calls: Call[];

beforeAll(async () => {
  const strace = ['/usr/bin/strace', '-f', '-e', `trace=${CALLS}`, '-y', '-s', '0', '-o', trace];
  const server = await startServerProcess(folder.path, strace);
  const identity = await enrol(server.target, folder.token());
  if (!isIdentity(identity)) throw new Error(JSON.stringify(identity));
  const link = await connected(server.target, identity);
  for (let count = 0; count < 5; count += 1) {
    await link.report({ readings: healthyReadings(new Date().toISOString()) });
  }
  link.close();
  await server.kill('SIGTERM');
  calls = readFileSync(trace, 'utf8').split('\n').flatMap(parseCall);
});

afterAll(() => {
  folder.remove();
  rmSync(work, { recursive: true });
});

function parseCall(line: string): Call[] {
  // A call that another thread interrupted ends on a line of its own, without its arguments.
  const match = /^\d+ +(\w+)\(\d+<([^>]*)>.*\) = (\d+)/.exec(line);
  if (match === null) return [];
  const [, name = '', file = '', result = ''] = match;
  const isSocket = /^(TCP|socket)/.test(file);
  return [
    {
      isReceive: isSocket && (name === 'read' || name === 'recvfrom'),
      isSync: file.endsWith('drawbridge.db-wal') && (name === 'fdatasync' || name === 'fsync'),
      isSend: isSocket && ['write', 'writev', 'sendto', 'sendmsg'].includes(name),
      bytes: Number(result),
    },
  ];
}

describe('under strace', () => {
  test('between each report and its ack the database’s log reaches the disk', () => {
    const reports = calls.flatMap((call, index) =>
      call.isReceive && call.bytes > REPORT_BYTES ? [index] : [],
    );
    expect(reports.length).toBeGreaterThanOrEqual(5);
    for (const report of reports) {
      const after = calls.slice(report + 1);
      const ack = after.findIndex((call) => call.isSend && isAck(call.bytes));
      const sync = after.findIndex((call) => call.isSync);
      expect(sync, 'a sync').toBeGreaterThanOrEqual(0);
      expect(ack, 'an ack').toBeGreaterThanOrEqual(0);
      expect(sync, 'sync before ack').toBeLessThan(ack);
    }
  });
});
