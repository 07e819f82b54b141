// Tokens and the queue of those that wait, as the commands hand them out and show them.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRig, type Rig } from '../server/rig.ts';

const cli = join(import.meta.dirname, '../../src/cli/drawbridge-server.ts');
const work = mkdtempSync(join(tmpdir(), 'drawbridge-tokens-'));
let rig: Rig;

beforeAll(async () => {
  rig = await startRig();
});
afterAll(async () => {
  await rig.close();
  rmSync(work, { recursive: true });
});

function here(...argv: string[]) {
  const done = spawnSync(process.execPath, [cli, ...argv, '--data', rig.folder], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { code: done.status, out: done.stdout, err: done.stderr };
}

describe('tokens', () => {
  test('whose output nobody could read is worth nothing, and neither is such a credential', () => {
    const full = openSync('/dev/full', 'w');
    const argv = [cli, 'token', 'create', '--data', rig.folder];
    for (const more of [
      ['--note', 'lost'],
      ['--json', '--note', 'lost'],
      ['--gateway', 'lost-gateway'],
    ]) {
      const done = spawnSync(process.execPath, [...argv, ...more], {
        stdio: ['ignore', full, 'pipe'],
        encoding: 'utf8',
      });
      expect(done).toMatchObject({ status: 4, stderr: expect.stringContaining('was revoked') });
    }
    // A pipe whose reader is gone.
    const shell = '"$0" "$@" | true; exit "${PIPESTATUS[0]}"';
    spawnSync('/bin/bash', ['-c', shell, process.execPath, ...argv, '--note', 'unread'], {
      encoding: 'utf8',
    });
    closeSync(full);
    const listed = JSON.parse(here('token', 'list', '--json').out) as {
      name: string;
      note: string;
      state: string;
    }[];
    const lost = listed.filter(({ name, note }) => note === 'lost' || name === 'lost-gateway');
    expect(lost.map(({ state }) => state)).toEqual(['revoked', 'revoked', 'revoked']);
    expect(listed.filter(({ note }) => note === 'unread').map(({ state }) => state)).not.toContain('good');
  });

  test('for listed computers, and what is wrong with a list', () => {
    const list = join(work, 'serials.txt');
    writeFileSync(list, '# bought in November\nPF3ABC01\n\nPF3ABC02   # Anna\n');
    const made = here('token', 'create', '--uses', '2', '--serials', list);
    expect(made).toMatchObject({
      code: 0,
      err: expect.stringContaining('2 devices of the 2 computers listed'),
    });
    const [newest] = JSON.parse(here('token', 'list', '--json').out) as object[];
    expect(newest).toMatchObject({ computers: 2, approval: false });
    writeFileSync(list, 'None\n');
    expect(here('token', 'create', '--serials', list)).toMatchObject({
      code: 4,
      err: expect.stringContaining('"None" is no serial number'),
    });
    writeFileSync(list, '\n');
    expect(here('token', 'create', '--serials', list)).toMatchObject({
      code: 4,
      err: expect.stringContaining('lists nothing'),
    });
    expect(here('token', 'create', '--serials', join(work, 'nowhere'))).toMatchObject({
      code: 4,
      err: expect.stringContaining('cannot be read'),
    });
  });
});

describe('a device that waits', () => {
  test('is listed with whom it would replace; off-boarded, it is nobody', async () => {
    const old = await rig.device({ serial: 'PF3WAITS1', name: 'anna' });
    const waits = await rig.device({ serial: 'PF3WAITS1', name: 'newcomer' });
    const listed = here('devices', '--waiting');
    expect(listed.out).toContain(waits.device);
    expect(listed.out).toContain('newcomer (linux)');
    expect(JSON.parse(here('devices', '--waiting', '--json').out)).toMatchObject([
      { id: waits.device, from: '127.0.0.1', replaces: [{ id: old.device, name: 'anna' }] },
    ]);
    const ended = here('device', 'offboard', waits.device, '--reason', 'never ours');
    expect(ended).toMatchObject({ code: 0, out: expect.stringContaining('is nobody any more') });
    expect(here('devices', '--waiting').out).toContain('No device waits');
    expect(here('device', 'offboard', 'x')).toMatchObject({
      code: 4,
      err: expect.stringContaining('There is no device x'),
    });
  });
});
