import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { logFile } from '../../src/agent/service/log-file.ts';
import { temporaryFolder } from './harness.ts';

const line = (n: number) => `${String(n).padStart(9, '0')}\n`;

test('a service’s log stays within twice its limit, the newest lines in the file itself', async () => {
  const file = join(await temporaryFolder(), 'agent.log');
  const log = logFile(file, 45);
  for (let n = 0; n < 11; n += 1) log.write(line(n));
  expect(await readFile(file, 'utf8')).toBe([8, 9, 10].map(line).join(''));
  expect(await readFile(`${file}.1`, 'utf8')).toBe([4, 5, 6, 7].map(line).join(''));
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('another start goes on where the last ended', async () => {
  const file = join(await temporaryFolder(), 'agent.log');
  logFile(file, 25).write(line(1));
  const log = logFile(file, 25);
  log.write(line(2));
  expect(await readFile(file, 'utf8')).toBe(line(1) + line(2));
  log.write(line(3));
  expect(await readFile(file, 'utf8')).toBe(line(3));
});
