import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkIds } from '../../collectors/specs.ts';
import { makePackages, OLD, OUT } from './build.ts';

const QEMU = '/usr/bin/qemu-aarch64';
const LIBRARIES = '/usr/aarch64-linux-gnu';
const STRIP = '/usr/bin/aarch64-linux-gnu-strip';
const needed = [
  QEMU,
  STRIP,
  ...['libstdc++.so.6', 'libatomic.so.1'].map((name) => join(LIBRARIES, 'lib', name)),
];
const missing = needed.filter((file) => !existsSync(file));
if (missing.length > 0) process.stderr.write(`arm64.test.ts: not installed: ${missing.join(', ')}\n`);

describe.runIf(missing.length === 0)('the agent for ARM on this processor (needs qemu-user)', () => {
  beforeAll(() =>
    makePackages({ version: OLD, names: ['drawbridge'], formats: [], systems: ['linux-arm64'] }),
  );

  const drawbridge = async (...argv: string[]) => {
    const exe = join(OUT, 'bin/linux-arm64/drawbridge');
    const child = spawn(QEMU, ['-L', LIBRARIES, exe, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => (said.stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (said.stderr += String(chunk)));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, ...said };
  };

  test('starts, and says which version it is', async () => {
    expect(await drawbridge('--version')).toEqual({ code: 0, stdout: `${OLD}\n`, stderr: '' });
  });

  type Reading = { state: string; reason?: string };
  const check = async () => {
    const { code, stdout } = await drawbridge('check', '--json');
    return { code, readings: (JSON.parse(stdout) as { readings: Record<string, Reading> }).readings };
  };
  /** Emulated, a check takes ten times as long and may run into its own time limit, which is no fault of its. */
  const checkInTime = async () => {
    for (let left = 5; left > 0; left--) {
      const checked = await check();
      if (checked.readings['os-version']?.reason !== 'timeout') return checked;
    }
    return check();
  };

  test('reads this computer', async () => {
    const { code, readings } = await checkInTime();
    expect(Object.keys(readings).toSorted()).toEqual([...checkIds].toSorted());
    expect(readings['os-version']).toMatchObject({ state: 'known', fact: { platform: 'linux' } });
    expect([0, 1, 2, 3]).toContain(code);
  });
});
