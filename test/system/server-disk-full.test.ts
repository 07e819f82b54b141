import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isRoot } from '../needs.ts';
import { bulkyReadings } from '../server/fixtures.ts';
import { connected, enrol, get, isIdentity, type TestLink } from '../server/test-agent.ts';
import {
  serverFolder,
  startServerProcess,
  type ServerFolder,
  type ServerProcess,
} from '../support/server-process.ts';

const mount = mkdtempSync(join(tmpdir(), 'drawbridge-full-'));
const canMount = isRoot && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', mount]).status === 0;
const why = canMount ? '' : ' (skipped: no rights to mount a small file system)';

describe.skipIf(!canMount)(`a disk that fills up${why}`, () => {
  let folder: ServerFolder;
  let server: ServerProcess;
  let link: TestLink;
  const data = join(mount, 'server');
  const ballast = join(mount, 'ballast');

  beforeAll(async () => {
    mkdirSync(data);
    folder = serverFolder(0);
    spawnSync('cp', ['-a', `${folder.path}/.`, data]);
    const token = folder.token();
    // The token was made in the folder that was copied from: it has to be copied with it.
    for (const name of ['drawbridge.db', 'drawbridge.db-wal', 'drawbridge.db-shm']) {
      spawnSync('cp', ['-a', join(folder.path, name), data]);
    }
    server = await startServerProcess(data);
    const identity = await enrol(server.target, token);
    if (!isIdentity(identity)) throw new Error(JSON.stringify(identity));
    link = await connected(server.target, identity);
  });

  afterAll(async () => {
    await server.kill('SIGTERM');
    spawnSync('umount', [mount]);
    rmSync(mount, { recursive: true, force: true });
    folder.remove();
  });

  const report = () => link.report({ readings: bulkyReadings(new Date().toISOString()) });

  test('is not acknowledged over, is told to monitoring, and is recovered from without a restart', async () => {
    expect(await report()).toMatchObject({ t: 'ack' });
    fill();
    const answers = [];
    for (let count = 0; count < 20; count += 1) answers.push(await report());
    const refused = answers.filter((answer) => answer.t === 'nack');
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) expect(answer).toMatchObject({ err: 'store_unavailable' });
    expect(await get(server.target, '/healthz')).toMatchObject({ status: 503 });

    rmSync(ballast);
    expect(await report()).toMatchObject({ t: 'ack' });
    await expect
      .poll(() => get(server.target, '/healthz'), { timeout: 5_000 })
      .toMatchObject({ status: 200 });
  });

  /** Leaves no block free. */
  function fill() {
    writeFileSync(ballast, '');
    for (;;) {
      const { bavail, bsize } = statfsSync(mount);
      if (bavail === 0) return;
      appendFileSync(ballast, Buffer.alloc(bavail * bsize));
    }
  }
});
