import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allMatch, createIntegrity, ownIntegrity } from '../../src/agent/integrity.ts';
import { systemClock } from '../../src/base/clock.ts';
import { temporaryFolder } from './harness.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test('files match their hashes, or one of them does not', async () => {
  const folder = await temporaryFolder();
  const pathOf = (name: string) => join(folder, name);
  await writeFile(pathOf('a'), 'one');
  await writeFile(pathOf('b'), 'two');
  const files = { a: sha256('one'), b: sha256('two') };
  expect(await allMatch(files, pathOf)).toBe(true);
  await writeFile(pathOf('b'), 'two!');
  expect(await allMatch(files, pathOf)).toBe(false);
  expect(await allMatch({ gone: sha256('') }, pathOf)).toBe(false);
});

test('a checkout states nothing', async () => {
  expect(await ownIntegrity('linux')).toBeNull();
});

test('looked at daily; what cannot be looked at is unknown', async () => {
  const answers = [async () => true, async () => false, () => Promise.reject(new Error('disk'))];
  const seen: (boolean | null)[] = [];
  const slept: number[] = [];
  const control = new AbortController();
  const clock = {
    ...systemClock,
    async sleep(ms: number) {
      slept.push(ms);
      if (slept.length > answers.length) control.abort();
    },
  };
  const look = () => (answers[slept.length - 1] as () => Promise<boolean>)();
  await createIntegrity({ clock, look, onSeen: (whole) => seen.push(whole) }).run(control.signal);
  expect(seen).toEqual([true, false, null]);
  expect(new Set(slept)).toEqual(new Set([86_400_000]));
});
