import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { withoutLockChecks } from '../../packaging/build/lock-checks.ts';

const NM = '/usr/bin/nm';
const folder = mkdtempSync(join(tmpdir(), 'drawbridge-lock-checks-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** KiB of a process that does nothing, the median of five. */
function privateMemory(node: string): number {
  const code = `console.log(/^Anonymous:\\s+(\\d+)/m.exec(require('fs').readFileSync('/proc/self/smaps_rollup', 'utf8'))[1])`;
  const once = () => Number(spawnSync(node, ['-e', code], { encoding: 'utf8', env: {} }).stdout);
  return [once(), once(), once(), once(), once()].toSorted((a, b) => a - b)[2] ?? NaN;
}

test('one byte of the pinned Node is another, and a process of it is a mebibyte smaller', () => {
  const file = join(folder, 'node');
  copyFileSync(process.execPath, file);
  withoutLockChecks(file, NM);
  const [before, after] = [readFileSync(process.execPath), readFileSync(file)];
  const at = before.findIndex((byte, index) => byte !== after[index]);
  expect([before[at], after[at]]).toEqual([2, 0]);
  expect(before.subarray(at + 1).equals(after.subarray(at + 1))).toBe(true);
  expect(privateMemory(process.execPath) - privateMemory(file)).toBeGreaterThan(800);
  expect(() => withoutLockChecks(file, NM)).toThrow('is 0 in this Node, not 2');
});

test('a file without that variable ends the build', () => {
  const file = join(folder, 'other');
  copyFileSync('/bin/true', file);
  expect(() => withoutLockChecks(file, '/bin/true')).toThrow('is not in this Node');
});
