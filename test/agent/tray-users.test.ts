import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { linuxLoggedIn } from '../../src/agent/tray-users.ts';
import { temporaryFolder } from './harness.ts';

/** Follows who is in `folder`; each look as it ended. */
async function followed(folder: string) {
  const over = new AbortController();
  onTestFinished(() => over.abort());
  const users = linuxLoggedIn(folder);
  const looks: number[][] = [await users.list()];
  users.watch(over.signal).listen(async () => looks.push(await users.list()));
  return { looks, over };
}

test('whoever logs in or out is told of at once, and nobody asks in between', async () => {
  const folder = await temporaryFolder();
  const { looks, over } = await followed(folder);
  await mkdir(join(folder, '1000'));
  await expect.poll(() => looks.at(-1), { timeout: 1_500 }).toEqual([1000]);
  await rm(join(folder, '1000'), { recursive: true });
  await expect.poll(() => looks.at(-1), { timeout: 1_500 }).toEqual([]);
  const { length } = looks;
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(looks).toHaveLength(length);
  over.abort();
  await mkdir(join(folder, '1001'));
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(looks).toHaveLength(length);
});

test('a folder that comes with the first user is found, and followed from then on', async () => {
  const folder = join(await temporaryFolder(), 'user');
  const { looks } = await followed(folder);
  await mkdir(join(folder, '1000'), { recursive: true });
  await expect.poll(() => looks.at(-1), { timeout: 5_000 }).toEqual([1000]);
  await mkdir(join(folder, '1001'));
  await expect.poll(() => looks.at(-1)?.toSorted(), { timeout: 1_500 }).toEqual([1000, 1001]);
});
